"""Finding a few attributes in the bytes of many spans without parsing them.

Rule: the scan may name too much (bytes that look like an attribute inside a text), never too little for what an OTLP
encoder writes with minimal lengths: key before value, or, for AnyOrder, value before key as well. So writes the
Collector (0.155.0), whose marshaller fills a buffer from its end. What the scan misses in a trace of a known session, a
claim finds by reading (SessionStore.adopt).
How: SIMD search for the last bytes of every key, then the whole key, its length before it and the value's tag behind.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

import stringzilla

from streamer.core.session_id import reading_of
from streamer.core.wire import varint
from streamer.core.wire.values import unwrap, value_of

_SUFFIX_BYTES = 7
"""Long enough that hits are rare, short enough that keys share needles: each needle costs a pass over the bytes."""
_VALUE_BYTES_MAX, _VALUE_TAGS_MAX = 64 * 1024, 64
"""How far, and past how many bytes that may begin one, AnyOrder looks back for a value: no id is that long."""
_REMEMBERED_MAX = 20_000
_REMEMBERED_BYTES_MAX = 512

Reading = Callable[[Any], str | None]


class _Needle(NamedTuple):
    """Keys that end alike and are read alike; `known` remembers what a value's bytes, length included, were read as."""

    suffix: bytes
    keys: tuple[bytes, ...]
    reading: Reading
    known: dict[bytes, str | None]


def tagged(key: str) -> bytes:
    """A key as KeyValue holds it: tag and length before it."""
    return varint.delimited(b"\n", key.encode())


def is_true(value: Any) -> bool:  # noqa: ANN401
    """What counts as "yes" in an attribute: the bool, or true / 1 / yes, JSON-quoted too."""
    plain = unwrap(value)
    if isinstance(plain, str):
        return plain.strip().lower() in ("true", "1", "yes")
    return plain is True or (type(plain) is int and plain == 1)


def _yes(value: Any) -> str | None:  # noqa: ANN401
    return "yes" if is_true(value) else None


class Scan:
    """Values that any of some attributes have in a slice of bytes, each behind its key. Remembers what it has read."""

    _BEHIND = b"\x12"
    """What follows a key that is sought: the value's tag."""

    def __init__(self, readings: Iterable[tuple[str, Reading]]) -> None:
        alike: dict[tuple[bytes, Reading], list[bytes]] = {}
        for key, reading in readings:
            whole = tagged(key) + self._BEHIND
            alike.setdefault((whole[-_SUFFIX_BYTES - len(self._BEHIND) :], reading), []).append(whole)
        self._needles = [_Needle(suffix, tuple(keys), reading, {}) for (suffix, reading), keys in alike.items()]

    @classmethod
    def for_sessions(cls, keys: Sequence[str]) -> Self:
        """Session ids, cleaned."""
        return cls((key, reading_of(key)) for key in keys)

    @classmethod
    def for_ends(cls, keys: Sequence[str]) -> Self:
        """Whether anything says that the session has ended."""
        return cls((key, _yes) for key in keys)

    def present(self, whole: bytes) -> list[_Needle]:
        """The needles worth looking for in slices of `whole`."""
        find = stringzilla.find
        return [needle for needle in self._needles if find(whole, needle.suffix) >= 0]

    def values(self, piece: bytes, needles: Sequence[_Needle]) -> set[str]:
        """Every distinct value found in a slice."""
        found: set[str] = set()
        find, count, pair_at = stringzilla.find, stringzilla.count, self._pair_at
        for suffix, keys, reading, known in needles:
            first = True
            at = find(piece, suffix)
            while at >= 0:
                end = at + len(suffix)
                pair = pair_at(piece, at, end, keys)
                if pair is not None:
                    raw, whole = pair
                    value = known[raw] if raw in known else _read(raw, reading, known)
                    if value:
                        found.add(value)
                    if first and count(piece, suffix) == count(piece, whole):
                        break  # every other hit is the same pair
                    first = False
                at = find(piece, suffix, end)
        return found

    def _pair_at(self, piece: bytes, at: int, end: int, keys: tuple[bytes, ...]) -> tuple[bytes, bytes] | None:
        """(value with its length, the pair) if one of the keys ends at `end`; its suffix begins at `at`."""
        if not piece.endswith(keys, 0, end):
            return None
        value_end = _value_end(piece, end)
        return piece[end:value_end], piece[at:value_end]


class AnyOrder(Scan):
    """The same where a value may stand before its key: the pair's own length tells which of its neighbours it is."""

    _BEHIND = b""

    def _pair_at(self, piece: bytes, at: int, end: int, keys: tuple[bytes, ...]) -> tuple[bytes, bytes] | None:
        for key in keys:
            if piece.endswith(key, 0, end):
                return _pair(piece, end - len(key), end)
        return None


def _pair(piece: bytes, key_at: int, key_end: int) -> tuple[bytes, bytes] | None:
    """(value with its length, the whole pair) of a key with its tag, whichever of the two comes first."""
    if piece.startswith(b"\x12", key_end):
        end = _value_end(piece, key_end + 1)
        if _is_message(piece, key_at, end):
            return piece[key_end + 1 : end], piece[key_at:end]
    at = key_at
    for _ in range(_VALUE_TAGS_MAX):
        at = piece.rfind(b"\x12", max(0, key_at - _VALUE_BYTES_MAX), at)
        if at < 0:
            return None
        if _value_end(piece, at + 1) == key_at and _is_message(piece, at, key_end):
            return piece[at + 1 : key_at], piece[at:key_end]
    return None


def _is_message(piece: bytes, start: int, end: int) -> bool:
    """Whether the length of just these bytes stands before them."""
    return end <= len(piece) and piece.endswith(varint.length(end - start), 0, start)


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
