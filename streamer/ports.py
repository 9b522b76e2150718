"""What the loops need from the outside world, named after the need.

Rule: a method that changes something says whether it may be repeated. Every method may raise TransientError, after
which the change may have happened all the same; the methods of SessionStore that take a claim may raise OwnershipLost.
Each port has one contract suite (tests/contract) that runs on the fake and on the real service.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from streamer.core.assessment import Row, RowRef
from streamer.core.feed import FeedRecord
from streamer.core.holding import Doing, Told
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.reading import Start
from streamer.core.rules import Pace
from streamer.core.session import (
    NEVER,
    Begun,
    Claim,
    Expired,
    Facts,
    Forgotten,
    Look,
    Outcome,
    SessionRef,
    SessionState,
    Sweep,
    Wake,
)
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.core.wire.records import DeadLetter, Fragment, Record


class Clock(Protocol):
    """Wall time in ms since the Unix epoch, for whatever is compared with other machines' times."""

    def now_ms(self) -> int: ...

    async def sleep_ms(self, ms: int) -> None: ...


class Tasks(Protocol):
    """Concurrency, so that loops need no event loop of their own."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the caller. A ConfigurationError, or what is no errors.StreamerError, ends the process."""

    async def together(self, works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run all, wait for all, then raise the first error if any."""


class TopicPartition(NamedTuple):
    topic: str
    partition: int


class Fetched(NamedTuple):
    """Records in offset order per partition, and what a rebalance changed since the last fetch."""

    records: Sequence[Record]
    assigned: Mapping[TopicPartition, int]
    """Newly assigned partitions and the offset each is read from."""
    revoked: frozenset[TopicPartition]
    gaps: Mapping[TopicPartition, tuple[int, int]]
    """Partitions whose committed offset Kafka had already deleted: (committed, first offset that still exists)."""
    positions: Mapping[TopicPartition, int] = MappingProxyType({})
    """Where reading goes on, where that is past the last record: transaction markers, compaction."""
    began: Start | None = None
    """The group had no offsets, and begins there."""


class RecordSource(Protocol):
    """A consumer group on the topics of one [[sources]] table."""

    async def fetch(self) -> Fetched:
        """The next records, or none after a short wait. While held, keeps the membership and returns no records."""

    def hold(self, held: bool) -> None:
        """Stop or go on handing out records (back-pressure, Redis down) without leaving the group."""

    def pause(self, partitions: frozenset[TopicPartition]) -> None:
        """Hand out no records of these from now on, and of all others again; each goes on where it was."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """A fresh ListOffsets, in the consumer's isolation level; partitions that did not answer are left out."""

    async def partitions(self) -> frozenset[TopicPartition]:
        """All partitions of the source's topics now, by fresh metadata."""

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Ask for next offsets to be committed; what is said against it is raised by a later call, and a `rewind` goes
        back to what was taken. Repeatable. A partition that moved elsewhere is ignored."""

    async def rewind(self) -> Mapping[TopicPartition, int]:
        """Go back to the committed offsets of every assigned partition; returns them."""


class DeadLetters(Protocol):
    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when Kafka has acknowledged original bytes, key, headers and `dlq.*` headers of all. Repeatable."""


class FeedPublisher(Protocol):
    async def publish(self, records: Sequence[FeedRecord]) -> None:
        """Returns when Kafka has acknowledged all. Repeatable: readers know records by event id."""


class Saved(NamedTuple):
    candidates: tuple[str, ...]
    """All session ids ever named in the trace."""
    version: int
    """0: the trace was erased, and nothing of it is taken any more."""
    ends_session: bool


class ClaimReply(NamedTuple):
    claims: Sequence[Claim]
    generation: int
    """The configuration's number in force; greater than the caller's means that it must not claim."""
    paused: bool


class Answers(Protocol):
    async def find_answer(self, claim: Claim, call_key: str) -> Completion | Literal["paused"] | None:
        """At the last moment before it would be bought."""

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        """Whoever holds the session now: money was spent. OwnershipLost only where the session is gone. Repeatable."""


class SessionStore(Answers, Protocol):
    """Sessions in Redis. docs/decisions/keys.md has every key, docs/decisions/state-table.md every transition."""

    # ingest
    async def save_fragments(self, source: str, fragments: Sequence[Fragment]) -> Mapping[tuple[str, str], Saved]:
        """Phase 1: keep fragments; by (tenant, trace id), all candidates and the version. Repeatable."""

    async def wake(self, wakes: Sequence[Wake]) -> frozenset[tuple[SessionRef, str]]:
        """Phase 2: tell candidate sessions of their traces' versions; (session, trace id) that were not taken, because
        the session has `traces_max` already. Repeatable."""

    async def park(self, scope: Scope, trace_id: str) -> None:
        """No session has taken the trace: it goes after `parked_ms`, unless another one is named. Repeatable."""

    async def end_session(self, session: SessionRef, at_ms: int) -> None:
        """An explicit end. Creates an unknown session, never re-opens one at rest. Repeatable."""

    async def add_partitions(self, source: str, partitions: Sequence[TopicPartition]) -> None:
        """Make partitions hold the watermark back until they have progress; drop those no longer named. Repeatable."""

    async def publish_progress(self, source: str, progress: Mapping[TopicPartition, int]) -> None:
        """Merged by maximum. Repeatable."""

    async def progress(self, source: str) -> Mapping[TopicPartition, int]:
        """-1 for a partition without progress."""

    async def tell_doing(self, source: str, doing: Mapping[TopicPartition, Doing]) -> None:
        """For people: what their reader does with partitions now. Repeatable."""

    async def told(self, source: str) -> Mapping[TopicPartition, Told]:
        """What readers told last, and when."""

    async def probe(self) -> None:
        """Every primary answers once more; Reconnected if one was replaced since this store's last call to it."""

    async def time_ms(self) -> int:
        """Redis' own clock, which all leases go by."""

    async def memory_share(self) -> float:
        """Used memory over maxmemory, greatest of all primaries; 0 without a limit."""

    # judge
    async def claim(self, limit: int, watermarks: Mapping[str, int], generation: int) -> ClaimReply:
        """Lease up to `limit` due sessions, round-robin over scopes."""

    async def renew(self, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
        """Lengthen leases; the names of claims that are lost."""

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]:
        """What is kept of traces; unknown ones are left out."""

    async def adopt(self, scope: Scope, trace_id: str, session: SessionRef, activity_ms: int) -> None:
        """A claim found an owner that no scan had named: add the candidate and wake it. Repeatable."""

    async def release(self, claim: Claim, pace: Pace, wait_until_ms: int, look: Look = NEVER) -> None:
        """Not closed yet: back at the true time. No call was made, no revision given. Repeatable."""

    async def put_back(self, claim: Claim, in_ms: int) -> None:
        """Give the claim up unfinished (pause, shutdown): due again `in_ms` from now, by Redis' clock. Repeatable."""

    async def keep_turns(self, claim: Claim, turns: Sequence[Turn], pace: Pace) -> None:
        """Repeatable."""

    async def holds(self, claim: Claim) -> None:
        """OwnershipLost unless token and lease are still the claim's."""

    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        """Say which rows will be written before writing them. Confirmed by a replica where there is one. Repeatable."""

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        """Drop the own intent and, if the outcome has a reason, complete. False: stale, or no reason. Repeatable."""

    # audit
    async def inspect(self, bucket: int) -> tuple[Sequence[Sweep], Sequence[tuple[Scope, str]]]:
        """Make due what no index holds; sessions to sweep; parked traces that expired."""

    async def sweep_trace(self, sweep: Sweep, trace_id: str, turn_version: int | None) -> bool:
        """Drop raw fragments whose turn of this version is kept; None, no turn: with the session. Repeatable."""

    async def finish_sweep(self, sweep: Sweep) -> bool:
        """Drop saved answers of a session at rest. Repeatable."""

    async def expire_parked(self, scope: Scope, trace_id: str) -> Expired | None:
        """Why it is gone; None if it has not expired. Repeatable."""

    async def forget(self, bucket: int, rest_ms: int) -> Sequence[Forgotten]:
        """Remove sessions that have been at rest for `rest_ms`, a page of the oldest."""

    async def drop_traces(self, forgotten: Sequence[Forgotten]) -> int:
        """Drop their traces, unless they came again, were erased or may be another's; how many went. Repeatable."""

    # people
    async def set_paused(self, paused: bool) -> None: ...

    async def put_in_force(self, content: bytes) -> int:
        """The number of this configuration: the one in force if it says the same; its old one if it was replaced by one
        whose workers are heard; else the next, and it is in force. Repeatable."""

    async def set_generation(self, generation: int, content: bytes) -> None:
        """Raise the number in force; a smaller one than that changes nothing."""

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None: ...


class Spending(Protocol):
    """Money of one day (UTC), shared by all workers."""

    async def reserve(self, call: str, usd: float, tokens: int, until_ms: int) -> bool:
        """False when the day's limit would be passed. A reservation that is never settled counts as spent."""

    async def settle(self, call: str, usd: float, tokens: int) -> None: ...


Ask = Callable[[ModelRequest], Awaitable[Completion]]
"""The choke point as a judge sees it. Raises CallFailed."""


class Model(Protocol):
    def room(self, request: ModelRequest) -> AbstractAsyncContextManager[None]:
        """A place among the calls that may be under way to the request's provider at once; waits for one."""

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        """One call, no retry inside. Raises CallFailed."""

    def estimate(self, request: ModelRequest) -> tuple[float | None, int]:
        """(USD or None if the price is unknown, tokens) that the call may cost at most."""


class Judges(Protocol):
    async def judge(
        self, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None, ask: Ask
    ) -> Verdict | JudgeFailure:
        """MLflow's judge on the session, with its usage; every model call goes through `ask`, none once cancelled."""


class AssessmentStore(Protocol):
    """Rows in MLflow. No conditional write; an error does not mean that it did not happen. PermanentError: refused."""

    async def patch(self, row: Row) -> bool:
        """Replace value, rationale and metadata; False if there is no such row. Repeatable."""

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        """Create under the given id. Repeatable."""

    async def delete(self, row: RowRef) -> None:
        """Repeatable."""

    async def expectations(self, first_trace: str, session_id: str) -> Mapping[str, Any] | None:
        """What people expect of the session, by name, from the first trace; None if MLflow does not have it (yet)."""


class Metrics(Protocol):
    def count(self, name: str, by: float = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


class Journal(Protocol):
    """Structured log of decisions. Never conversation text, never a secret."""

    def say(self, level: Literal["debug", "info", "warning", "error"], event: str, **fields: object) -> None: ...
