"""Finding a few attributes in the bytes of many spans without parsing them.

Rule: the scan may name too much (bytes that look like a span's attribute inside a text), never too little for what an
OTLP encoder writes: key before value, or, for AnyOrder, value before key as well. So writes the Collector (0.155.0),
whose marshaller fills a buffer from its end. What a resource, a link, an event or a member of a value calls so is no
attribute of a span: the tag before the pair tells. What the scan misses in a trace of a known session, a
claim finds by reading (SessionStore.adopt).
How: SIMD search for every key, its tag and length before it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

import stringzilla

from streamer.core.session_id import reading_of
from streamer.core.wire import varint
from streamer.core.wire.values import unwrap, value_of

_TAIL_BYTES = 7
"""Keys share tails (`…session_id`): one pass over a record for each tail tells which keys are not in it."""
_VALUE_BYTES_MAX, _VALUE_TAGS_MAX = 64 * 1024, 64
"""How far, and past how many bytes that may begin one, AnyOrder looks back for a value: no id is that long."""
_REMEMBERED_MAX = 20_000
_REMEMBERED_BYTES_MAX = 512

_LENGTH_BYTES_MAX = 5
"""Some encoders (.NET's) reserve more bytes for a length than it needs."""
OF_SPAN, OF_EVENT = b"\x4a", b"\x1a"
"""The tags of attributes: field 9 of a span, field 3 of an event."""

Reading = Callable[[Any], str | None]


class _Needle(NamedTuple):
    """A whole key with its tag and length; `known` remembers what a value's bytes, length included, were read as."""

    key: bytes
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

    def __init__(self, readings: Iterable[tuple[str, Reading]], tags: bytes) -> None:
        self._tags = tags
        self._by_tail: defaultdict[bytes, list[_Needle]] = defaultdict(list)
        for key, reading in readings:
            needle = _Needle(tagged(key) + self._BEHIND, reading, {})
            self._by_tail[needle.key[-_TAIL_BYTES:]].append(needle)

    @classmethod
    def for_sessions(cls, keys: Sequence[str], tags: bytes = OF_SPAN) -> Self:
        """Session ids, cleaned. `tags`: whose attributes count."""
        return cls(((key, reading_of(key)) for key in keys), tags)

    @classmethod
    def for_ends(cls, keys: Sequence[str]) -> Self:
        """Whether anything says that the session has ended."""
        return cls(((key, _yes) for key in keys), OF_SPAN)

    def present(self, whole: bytes) -> list[_Needle]:
        """The needles worth looking for in slices of `whole`."""
        find = stringzilla.find
        alike = [needles for tail, needles in self._by_tail.items() if find(whole, tail) >= 0]
        return [needle for needles in alike for needle in needles if find(whole, needle.key) >= 0]

    def values(self, piece: bytes, needles: Sequence[_Needle]) -> set[str]:
        """Every distinct value found in a slice."""
        found: set[str] = set()
        find, count, pair_at = stringzilla.find, stringzilla.count, self._pair_at
        for key, reading, known in needles:
            first = True
            at = find(piece, key)
            while at >= 0:
                end = at + len(key)
                pair = pair_at(piece, at, end)
                if pair is not None:
                    raw, whole = pair
                    value = known[raw] if raw in known else _read(raw, reading, known)
                    if value:
                        found.add(value)
                    if first and count(piece, key) == count(piece, whole):
                        break  # every other hit is the same pair
                first = False
                at = find(piece, key, end)
        return found

    def _pair_at(self, piece: bytes, key_at: int, key_end: int) -> tuple[bytes, bytes] | None:
        """(value with its length, the pair) of a key that stands here with its tag; None for what is no attribute."""
        end = _value_end(piece, key_end)
        return (piece[key_end:end], piece[key_at:end]) if self._is_attribute(piece, key_at, end) else None

    def _is_attribute(self, piece: bytes, start: int, end: int) -> bool:
        """Whether the length of just these bytes stands before them, behind one of the tags."""
        if end > len(piece):
            return False
        for at in range(start - 1, max(start - 1 - _LENGTH_BYTES_MAX, 0), -1):
            if piece[at - 1] in self._tags and _length_at(piece, at) == (end - start, start):
                return True
        return False


class AnyOrder(Scan):
    """The same where a value may stand before its key: the pair's own length tells which of its neighbours it is."""

    _BEHIND = b""

    def __init__(self, readings: Iterable[tuple[str, Reading]], tags: bytes) -> None:
        super().__init__(readings, tags)
        self._heads: dict[int, tuple[int, bytes]] = {}
        """Key's length → how far before the key its last pair began, and what stood there: tag and length of the
        pair, tag and length of the value. Ids of one application are of one length."""

    def _pair_at(self, piece: bytes, key_at: int, key_end: int) -> tuple[bytes, bytes] | None:
        size = key_end - key_at
        back, head = self._heads.get(size, _NO_HEAD)
        at = key_at - back
        if at > 1 and piece[at - 2 : at + 2] == head and piece[key_end : key_end + 1] != b"\x12":
            return piece[at + 1 : key_at], piece[at:key_end]
        pair = self._searched(piece, key_at, key_end)
        if pair and size < len(pair[1]) < 0x80:
            back = len(pair[1]) - size
            at = key_at - back
            if piece[at - 1 : at + 2] == bytes((back + size, 0x12, back - 2)) and piece[at - 2] in self._tags:
                self._heads[size] = back, piece[at - 2 : at + 2]
        return pair

    def _searched(self, piece: bytes, key_at: int, key_end: int) -> tuple[bytes, bytes] | None:
        if piece.startswith(b"\x12", key_end):
            end = _value_end(piece, key_end + 1)
            if self._is_attribute(piece, key_at, end):
                return piece[key_end + 1 : end], piece[key_at:end]
        farthest = max(0, key_at - _VALUE_BYTES_MAX)
        at = key_at
        for _ in range(_VALUE_TAGS_MAX):
            at = piece.rfind(b"\x12", farthest, at)
            if at < 0:
                return None
            if _value_end(piece, at + 1) == key_at and self._is_attribute(piece, at, key_end):
                return piece[at + 1 : key_at], piece[at:key_end]
        return None


_NO_HEAD = (0, b"")


def _length_at(piece: bytes, at: int) -> tuple[int, int] | None:
    """A length and where it ends."""
    try:
        return varint.read(piece, at)
    except (IndexError, ValueError):
        return None


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
