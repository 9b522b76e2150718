"""How many messages a record of protobuf is made of, before anything is built from it.

Why: an empty message takes two bytes on the wire and a hundred in memory, so 16 MiB can become gigabytes.
"""

from collections.abc import Iterator

from streamer.core.wire import varint

SMALL_BYTES = 1024 * 1024
"""Records up to here are not counted: they cannot become large."""
MESSAGES_MAX = 700_000
"""16 MiB of the shortest spans that have both ids (28 bytes each)."""
_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 0x0A, 0x12, 0x12
_DELIMITED = 2
_FIXED_BYTES = {1: 8, 5: 4}


def holds_too_much(value: bytes) -> bool:
    """Whether ResourceSpans, ScopeSpans and spans are more than any exporter writes."""
    return len(value) > SMALL_BYTES and _count(value) > MESSAGES_MAX


def _count(value: bytes) -> int:
    """Stops above the limit. What is malformed ends its container: whoever parses it says so."""
    count = 0
    for start, end in _fields(value, 0, len(value), _RESOURCE_SPANS):
        count += 1
        for begin, until in _fields(value, start, end, _SCOPE_SPANS):
            count += 1 + sum(1 for _ in _fields(value, begin, until, _SPANS))
            if count > MESSAGES_MAX:
                return count
        if count > MESSAGES_MAX:
            return count
    return count


def _fields(value: bytes, at: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the fields with this tag."""
    try:
        while at < end:
            tag, at = varint.read(value, at)
            if tag & 7 == _DELIMITED:
                size, at = varint.read(value, at)
                if tag == wanted:
                    yield at, min(at + size, end)
                at += size
            elif tag & 7 == 0:
                _, at = varint.read(value, at)
            else:
                at += _FIXED_BYTES[tag & 7]
    except (IndexError, ValueError, KeyError):
        return
