"""What comes in and what is kept of it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Header = tuple[str, bytes | None]

ProblemReason = Literal[
    "unreadable",  # no decoder can read the record, and nothing in it could be salvaged
    "unsupported",  # Jaeger, Zipkin, Avro …: known for what it is, and a Collector converts it
    "no_spans",  # it parses, and holds no spans at all (metrics, random bytes that happen to parse)
    "bad_span",  # one span could not be read, or its ids are invalid
    "truncated",  # the record ends in the middle of a span
    "too_large",  # longer than value_bytes_max, or unpacks to more than unpacked_bytes_max
]


SessionEvent = Literal["session.start", "session.end"]


class Record(NamedTuple):
    """One Kafka record. `timestamp_ms` is the broker's or the producer's, in ms since the Unix epoch."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[Header] = ()


class Fragment(NamedTuple):
    """The spans of one trace in one ResourceSpans of one record (design 2), compressed.

    `digest` (16 bytes) is the hash of `frame`: the same bytes at another offset are the same fragment.
    `candidates` are the session ids named by any of its spans, cleaned.
    """

    tenant: str
    trace_id: str
    digest: bytes
    frame: bytes
    candidates: tuple[str, ...]
    ends_session: bool = False
    span_bytes: int = 0
    """Before compression."""


class Problem(NamedTuple):
    """Something in a record that could not be kept. `detail` never holds text of a conversation."""

    reason: ProblemReason
    detail: str
    offset: int
    """Byte offset in the value, -1 where it is not known."""


class Part(NamedTuple):
    """One of several records that a dead letter is split into; `id` is theirs in common."""

    id: str
    number: int
    of: int


class DeadLetter(NamedTuple):
    """A record set aside, and why. `detail` never holds text of a conversation."""

    record: Record
    reason: ProblemReason
    detail: str
    part: Part | None = None
    left_out: str = ""
    """What of the record fits into no part."""


class Control(NamedTuple):
    """An event that says something of a session as a whole (OpenTelemetry's session events, or a control record)."""

    event: SessionEvent
    tenant: str
    ended: str
    """The session that is over: of a start it is the one before."""
    at_ms: int | None = None
    """When it was over, Unix ms; None: when the record was written."""


class Tried(NamedTuple):
    """A decoder that was tried on a record; `said` is why it refused, "" for those that took it."""

    decoder: str
    said: str


class Cut(NamedTuple):
    """A record taken apart. Nothing readable and at least one problem: the record is a dead letter."""

    fragments: list[Fragment]
    problems: list[Problem]
    spans: int
    """Spans kept in the fragments."""
    out_of_scope: str | None = None
    """The name of the rule that left the whole record out."""
    controls: Sequence[Control] = ()
    tried: Sequence[Tried] = ()
    """Empty where the record is plain OTLP protobuf."""
