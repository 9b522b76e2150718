"""Spans of a record that protobuf refuses as a whole: walks the bytes and keeps every span that is whole.

Rule: a broken span costs itself, never its neighbours before it, and those after it if its container says where it
ends. Whatever the walk finds must still parse as a span with ids before it counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire import varint
from streamer.core.wire.schema import Head

_FIXED_BYTES = {1: 8, 5: 4}
_DELIMITED = 2


class _Field(NamedTuple):
    number: int
    start: int
    end: int
    whole: bool


class SalvagedScope(NamedTuple):
    """A ScopeSpans' bytes as far as they could be read, in the shape that the cut schema gives."""

    scope: bytes
    spans: list[bytes]


class SalvagedResource(NamedTuple):
    resource: bytes
    scope_spans: list[SalvagedScope]


class Salvage(NamedTuple):
    resource_spans: list[SalvagedResource]
    broken_at: int
    """Byte offset of the first thing that could not be read, -1 if none."""


def salvage(buffer: bytes) -> Salvage:
    """Every span that can be cut out of a broken ExportTraceServiceRequest."""
    found: list[SalvagedResource] = []
    broken: list[int] = []
    for outer in _fields(buffer, 0, len(buffer), broken):
        if outer.number == 1:
            found.append(_resource_spans(buffer, outer, broken))
    return Salvage(found, min(broken, default=-1))


def _resource_spans(buffer: bytes, outer: _Field, broken: list[int]) -> SalvagedResource:
    resource, scopes = b"", list[SalvagedScope]()
    for field in _fields(buffer, outer.start, outer.end, broken):
        if field.number == 1 and field.whole:
            resource = buffer[field.start : field.end]
        elif field.number == 2:
            scopes.append(_scope_spans(buffer, field, broken))
    return SalvagedResource(resource, scopes)


def _scope_spans(buffer: bytes, outer: _Field, broken: list[int]) -> SalvagedScope:
    scope, spans = b"", list[bytes]()
    for field in _fields(buffer, outer.start, outer.end, broken):
        if field.whole and field.number == 1:
            scope = buffer[field.start : field.end]
        elif field.whole and field.number == 2:
            span = buffer[field.start : field.end]
            if _parses(span):
                spans.append(span)
            else:
                broken.append(field.start)
    return SalvagedScope(scope, spans)


def _parses(span: bytes) -> bool:
    try:
        Head.FromString(span)
    except DecodeError:
        return False
    return True


def _fields(buffer: bytes, at: int, end: int, broken: list[int]) -> Iterator[_Field]:
    """Length-delimited fields between two offsets. One that claims to reach past the end is cut off there."""
    while at < end:
        start_of_field = at
        try:
            tag, at = varint.read(buffer, at)
            kind = tag & 7
            if kind == _DELIMITED:
                size, at = varint.read(buffer, at)
                whole = at + size <= end
                if not whole:
                    broken.append(start_of_field)
                yield _Field(tag >> 3, at, min(at + size, end), whole)
                at += size
            elif kind == 0:
                _, at = varint.read(buffer, at)
            else:
                at += _FIXED_BYTES[kind]
        except (IndexError, ValueError, KeyError):
            broken.append(start_of_field)
            return
