"""Finding a few attributes in the bytes of many spans without parsing them.

Rule: the scan may name too much (bytes that look like an attribute inside a text), never too little for what an OTLP
encoder writes: key before value, minimal lengths. Whatever it misses a claim finds by reading (SessionStore.adopt).
How: SIMD search for the last bytes of every key, then the whole key, its length before it and the value's tag behind.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import stringzilla

from streamer.core.session_id import reading_of
from streamer.core.wire import varint
from streamer.core.wire.values import unwrap, value_of

_SUFFIX_BYTES = 7
"""Long enough that hits are rare, short enough that keys share needles: each needle costs a pass over the bytes."""
_REMEMBERED_MAX = 20_000
_REMEMBERED_BYTES_MAX = 512

Reading = Callable[[Any], str | None]


class _Needle(NamedTuple):
    """Keys that end alike and are read alike; `known` remembers what a value's bytes, length included, were read as."""

    suffix: bytes
    keys: tuple[bytes, ...]
    reading: Reading
    known: dict[bytes, str | None]


def framed(key: str) -> bytes:
    """A key as KeyValue holds it: tag and length before it, the value's tag behind it."""
    return varint.delimited(b"\n", key.encode()) + b"\x12"


def is_true(value: Any) -> bool:  # noqa: ANN401
    """What counts as "yes" in an attribute: the bool, or true / 1 / yes, JSON-quoted too."""
    plain = unwrap(value)
    if isinstance(plain, str):
        return plain.strip().lower() in ("true", "1", "yes")
    return plain is True or (type(plain) is int and plain == 1)


def _yes(value: Any) -> str | None:  # noqa: ANN401
    return "yes" if is_true(value) else None


class Scan:
    """Values that any of some attributes have in a slice of bytes. Remembers what it has read."""

    def __init__(self, readings: Iterable[tuple[str, Reading]]) -> None:
        alike: dict[tuple[bytes, Reading], list[bytes]] = {}
        for key, reading in readings:
            whole = framed(key)
            alike.setdefault((whole[-_SUFFIX_BYTES - 1 :], reading), []).append(whole)
        self._needles = [_Needle(suffix, tuple(keys), reading, {}) for (suffix, reading), keys in alike.items()]

    @classmethod
    def for_sessions(cls, keys: Sequence[str]) -> "Scan":
        """Session ids, cleaned."""
        return cls((key, reading_of(key)) for key in keys)

    @classmethod
    def for_ends(cls, keys: Sequence[str]) -> "Scan":
        """Whether anything says that the session has ended."""
        return cls((key, _yes) for key in keys)

    def present(self, whole: bytes) -> list[_Needle]:
        """The needles worth looking for in slices of `whole`."""
        find = stringzilla.find
        return [needle for needle in self._needles if find(whole, needle.suffix) >= 0]

    def values(self, piece: bytes, needles: Sequence[_Needle]) -> set[str]:
        """Every distinct value found in a slice."""
        found: set[str] = set()
        find, count = stringzilla.find, stringzilla.count
        for suffix, keys, reading, known in needles:
            first = True
            at = find(piece, suffix)
            while at >= 0:
                end = at + len(suffix)
                if piece.endswith(keys, 0, end):
                    value_end = _value_end(piece, end)
                    raw = piece[end:value_end]
                    value = known[raw] if raw in known else _read(raw, reading, known)
                    if value:
                        found.add(value)
                    if first and count(piece, suffix) == count(piece, piece[at:value_end]):
                        break  # every other hit is the same pair
                    first = False
                at = find(piece, suffix, end)
        return found


def _value_end(piece: bytes, at: int) -> int:
    """Behind the length-delimited value that begins at `at`; the end of the piece for what is none."""
    try:
        size = piece[at]
        if size < 0x80:
            return at + 1 + size
        size, start = varint.read(piece, at)
    except (IndexError, ValueError):
        return len(piece)
    return start + size


def _read(raw: bytes, reading: Reading, known: dict[bytes, str | None]) -> str | None:
    try:
        _, start = varint.read(raw, 0)
    except (IndexError, ValueError):
        return None
    value = reading(value_of(raw[start:]))
    if len(raw) <= _REMEMBERED_BYTES_MAX:
        if len(known) >= _REMEMBERED_MAX:
            known.clear()
        known[raw] = value
    return value
