"""Whose a record is where no span of it says so: by a header, by the record's key, by an attribute of the resource."""

from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError

from streamer.core.session_id import clean, reading_of
from streamer.core.wire.records import Record
from streamer.core.wire.schema import Resource
from streamer.core.wire.values import readable, value_of


def session_of(record: Record, attributes: Mapping[str, bytes], fallbacks: Sequence[str]) -> str | None:
    """The first of `header:<name>`, `key` and `resource:<attribute>` that holds a usable id. `attributes`: the
    resource's."""
    for fallback in fallbacks:
        kind, _, name = fallback.partition(":")
        if kind == "resource":
            found = clean(value_of(attributes.get(name, b"")))
        else:
            raw = record.key if kind == "key" else dict(record.headers).get(name)
            found = clean(raw.decode("utf-8", "replace")) if raw else None
        if found:
            return found
    return None


def named_by(attributes: Mapping[str, bytes], keys: Sequence[str]) -> str | None:
    """The session that a resource names by one of the spans' own keys: a process may serve one conversation."""
    values = ((key, value_of(attributes[key])) for key in keys if key in attributes)
    return next((found for key, value in values if (found := reading_of(key)(value))), None)


def attributes_of(resource: bytes) -> Mapping[str, bytes]:
    """By name, undecoded; none where there is no reading the resource."""
    try:
        return readable(Resource.FromString(resource).attributes)
    except DecodeError:
        return {}


def attribute_of(resource: bytes, name: str) -> object:
    """None if there is no such attribute, or no reading the resource."""
    return value_of(attributes_of(resource).get(name, b""))
