"""Dead letters as records of `<topic>.dlq`: written, split where they are too large, read, joined, marked as replayed.

Rule: a letter is the original record and behind its headers ours, from `dlq.reason` on: whatever an application calls
its own headers, the record can be taken out again as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import xxhash

from streamer.core.wire.records import DeadLetter, Header, Part, Record

SUFFIX = ".dlq"
WHOLE = Part("", 1, 1)
OURS = frozenset(
    f"dlq.{name}"
    for name in ("reason", "detail", "topic", "partition", "offset", "timestamp", "version", "id", "part", "left_out")
)
REPLAYED, REPLAYED_FROM, ATTEMPT = "dlq.replayed", "dlq.replayed_from", "dlq.attempt"
OVERHEAD_BYTES = 1_024
"""Our headers and Kafka's own bytes of one part."""


class Origin(NamedTuple):
    """The original record. Its time is part of its name: a topic that was made anew counts from 0 again."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Place(NamedTuple):
    """On the dead-letter topic."""

    partition: int
    offset: int


class Letter(NamedTuple):
    """A record of a dead-letter topic: a whole letter, or a part of one."""

    original: Record
    """Key and headers only in the first part; the value is this part's."""
    reason: str
    detail: str
    part: Part
    left_out: str
    """`headers` where they, and the key, were too large for the topic."""
    place: Place
    written_ms: int

    @property
    def origin(self) -> Origin:
        return origin_of(self.original)


class Mark(NamedTuple):
    """The note on a dead-letter topic that a letter was replayed."""

    origin: Origin


def origin_of(record: Record) -> Origin:
    return Origin(record.topic, record.partition, record.offset, record.timestamp_ms)


# ---------------------------------------------------------------- written


def headers_of(letter: DeadLetter) -> list[Header]:
    """Where a dead letter comes from and why it is one."""
    record = letter.record
    said = {
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
        "version": "1",
    }
    if letter.part is not None:
        said |= {"id": letter.part.id, "part": f"{letter.part.number}/{letter.part.of}"}
    if letter.left_out:
        said["left_out"] = letter.left_out
    return [(f"dlq.{name}", value.encode("utf-8", "replace")) for name, value in said.items()]


def split(letter: DeadLetter, bytes_max: int) -> list[DeadLetter]:
    """At least two parts, none with more than `bytes_max` of key, headers and value. Key and headers go with the first;
    where they fill it, it has no value."""
    record, value = letter.record, letter.record.value or b""
    head = len(record.key or b"") + sum(len(name) + len(said or b"") for name, said in record.headers)
    size = max(OVERHEAD_BYTES, bytes_max - OVERHEAD_BYTES - len(letter.detail.encode("utf-8", "replace")))
    first = min(max(0, size - head), len(value) // 2)
    slices = [value[:first], *(value[at : at + size] for at in range(first, max(len(value), first + 1), size))]
    name = xxhash.xxh3_64_hexdigest(value)
    return [
        letter._replace(
            record=record._replace(value=piece) if n == 1 else record._replace(value=piece, key=None, headers=()),
            part=Part(name, n, len(slices)),
        )
        for n, piece in enumerate(slices, start=1)
    ]


def bare(letter: DeadLetter) -> DeadLetter:
    """Without what fits into no part."""
    return letter._replace(record=letter.record._replace(key=None, headers=()), left_out="headers")


def mark_of(origin: Origin) -> Record:
    """Says on the dead-letter topic that the letter was replayed; with a value, so that compaction would keep it."""
    headers: list[Header] = [
        (REPLAYED, str(origin).encode()),
        ("dlq.timestamp", str(origin.timestamp_ms).encode()),
        ("dlq.version", b"1"),
    ]
    return Record(f"{origin.topic}{SUFFIX}", -1, -1, -1, b"replayed", f"replayed {origin}".encode(), headers)


def replay_of(original: Record) -> Record:
    """The record as it goes back to its topic: a letter that comes of it knows how often that was."""
    headers: list[Header] = [header for header in original.headers if header[0] not in (REPLAYED_FROM, ATTEMPT)]
    headers += [
        (REPLAYED_FROM, str(origin_of(original)).encode()),
        (ATTEMPT, str(attempts_of(original.headers) + 1).encode()),
    ]
    return original._replace(partition=-1, offset=-1, headers=headers)


# ---------------------------------------------------------------- read


def read(record: Record) -> Letter | Mark | None:
    """None for what somebody else has put on a dead-letter topic."""
    start = max((n for n, (name, _) in enumerate(record.headers) if name == "dlq.reason"), default=None)
    try:
        if start is not None:
            return _letter(record, record.headers[:start], record.headers[start:])
        said = _said(record.headers)
        return _mark(record.topic, said) if REPLAYED in said else None
    except (KeyError, ValueError):
        return None


def _letter(record: Record, theirs: Sequence[Header], ours: Sequence[Header]) -> Letter | None:
    said = _said(ours)
    if not said.keys() <= OURS or said["dlq.topic"] + SUFFIX != record.topic:
        return None
    original = Record(
        topic=said["dlq.topic"],
        partition=int(said["dlq.partition"]),
        offset=int(said["dlq.offset"]),
        timestamp_ms=int(said["dlq.timestamp"]),
        value=record.value,
        key=record.key,
        headers=tuple(theirs),
    )
    return Letter(
        original=original,
        reason=said["dlq.reason"],
        detail=said["dlq.detail"],
        part=_part(said["dlq.id"], said["dlq.part"]) if "dlq.part" in said else WHOLE,
        left_out=said.get("dlq.left_out", ""),
        place=Place(record.partition, record.offset),
        written_ms=record.timestamp_ms,
    )


def _said(headers: Sequence[Header]) -> dict[str, str]:
    return {name: (value or b"").decode("utf-8", "replace") for name, value in headers}


def _part(name: str, text: str) -> Part:
    number, _, of = text.partition("/")
    if not 1 <= int(number) <= int(of):
        raise ValueError
    return Part(name, int(number), int(of))


def _mark(topic: str, said: Mapping[str, str]) -> Mark | None:
    of, partition, offset = said[REPLAYED].rsplit("/", 2)
    return Mark(Origin(of, int(partition), int(offset), int(said["dlq.timestamp"]))) if of + SUFFIX == topic else None


def attempts_of(headers: Sequence[Header]) -> int:
    """How often the record was replayed before it became this letter."""
    said = [value or b"" for name, value in headers if name == ATTEMPT]
    return int(said[-1]) if said and said[-1].isdigit() else 0


def joined(parts: Sequence[Letter]) -> Record:
    """The original record of all parts of a letter, in any order."""
    first, *others = sorted(parts, key=lambda letter: letter.part.number)
    if not others:
        return first.original
    return first.original._replace(value=b"".join(_values([first, *others])))


def _values(parts: Sequence[Letter]) -> Iterator[bytes]:
    return (letter.original.value or b"" for letter in parts)
