"""Whose a record is where no span of it says so: by a header, by the record's key, by an attribute of the resource."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from streamer.core.session_id import clean, reading_of
from streamer.core.wire.records import Record
from streamer.core.wire.schema import Resource
from streamer.core.wire.values import readable, value_of


def session_of(record: Record, resource: bytes, fallbacks: Sequence[str]) -> str | None:
    """The first of `header:<name>`, `key` and `resource:<attribute>` that holds a usable id."""
    for fallback in fallbacks:
        kind, _, name = fallback.partition(":")
        if kind == "resource":
            found = clean(attribute_of(resource, name))
        else:
            raw = record.key if kind == "key" else dict(record.headers).get(name)
            found = clean(raw.decode("utf-8", "replace")) if raw else None
        if found:
            return found
    return None


def named_by(resource: bytes, keys: Sequence[str]) -> str | None:
    """The session that a resource names by one of the spans' own keys: a process may serve one conversation."""
    return next((found for key in keys if (found := reading_of(key)(attribute_of(resource, key)))), None)


def attribute_of(resource: bytes, name: str) -> object:
    """None if there is no such attribute, or no reading the resource."""
    try:
        raw = readable(Resource.FromString(resource).attributes).get(name, b"")
    except DecodeError:
        return None
    return value_of(raw)
