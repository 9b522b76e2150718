"""What opening a record comes to."""

from collections.abc import Sequence
from typing import NamedTuple

from streamer.core.wire.records import Problem, ProblemReason, Tried


class Refusal(ValueError):
    """A decoder cannot take a value. The sentence goes on from the decoder's name and holds nothing of the value."""

    def __init__(self, said: str, reason: ProblemReason = "unreadable", offset: int = 0) -> None:
        super().__init__(said)
        self.reason: ProblemReason = reason
        self.offset = offset


class Limits(NamedTuple):
    value_bytes_max: int
    unpacked_bytes_max: int


class Ended(NamedTuple):
    """A control record's word. `tenant` None: the topic's. `at_ms`: when the session was over, Unix ms; None: when the
    record was written."""

    session_id: str
    tenant: str | None = None
    at_ms: int | None = None


class Opened(NamedTuple):
    """`requests`: export requests of traces or logs, as OTLP protobuf. `ended`: what control records say. Neither:
    `problems` says why not."""

    requests: Sequence[bytes]
    problems: Sequence[Problem]
    tried: Sequence[Tried]
    ended: Sequence[Ended] = ()
