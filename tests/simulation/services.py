"""Kafka, MLflow and the feed, as the simulated workers meet them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from streamer.core.assessment import Row, RowRef
from streamer.core.feed import FeedRecord
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import PermanentError, TransientError
from streamer.ports import Fetched, TopicPartition
from tests.simulation.world import Worker, World

T = TypeVar("T")
TOPIC = "spans"
PARTITIONS = [TopicPartition(TOPIC, q) for q in range(4)]


@dataclass(eq=False)
class Logged:
    """A record in the broker's log. `appended` is known to no one but the laws."""

    record: Record
    appended: int
    traces: tuple[str, ...]
    readable: bool = True
    saved: bool = False


class Broker:
    """A topic whose partitions can stall, move between members and grow in number."""

    def __init__(self, world: World, partitions: int) -> None:
        self.w = world
        self.log: list[list[Logged]] = [[] for _ in range(partitions)]
        self.committed = [0] * partitions
        self.born = [-(10**15)] * partitions
        self.generation = 0
        self.owner: dict[int, str] = {}
        self.members: list[str] = []
        self.known = partitions
        self.stalled: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.dead_letters: set[tuple[int, int]] = set()

    def append(self, partition: int, timestamp_ms: int, value: bytes, traces: tuple[str, ...], readable: bool) -> None:
        record = Record(TOPIC, partition, len(self.log[partition]), timestamp_ms, value)
        self.log[partition].append(Logged(record, self.w.now, traces, readable))

    def rebalance(self) -> None:
        self.generation += 1
        self.owner = {q: self.w.random.choice(self.members) for q in range(self.known)}

    def add_partition(self) -> None:
        self.log.append([])
        self.committed.append(0)
        self.born.append(self.w.now)
        self.w.rare["a partition was added"] += 1

    def unsaved(self) -> list[Logged]:
        return [logged for log in self.log for logged in log if not logged.saved]


class Source:
    """RecordSource of one member."""

    def __init__(self, broker: Broker, worker: Worker) -> None:
        self.b, self.w, self.worker = broker, broker.w, worker
        self.generation = -1
        self.positions: dict[int, int] = {}
        self.held = False
        self.paused: frozenset[TopicPartition] = frozenset()

    def _rebalanced(self) -> tuple[dict[TopicPartition, int], frozenset[TopicPartition]]:
        if self.generation == self.b.generation:
            return {}, frozenset()
        self.generation = self.b.generation
        mine = {q for q, owner in self.b.owner.items() if owner == self.worker.name}
        gone, new = set(self.positions) - mine, mine - set(self.positions)
        for q in gone:
            del self.positions[q]
        for q in new:
            self.positions[q] = self.b.committed[q]
        return {PARTITIONS[q]: self.positions[q] for q in new}, frozenset(PARTITIONS[q] for q in gone)

    async def fetch(self) -> Fetched:
        def apply() -> Fetched:
            assigned, revoked = self._rebalanced()
            records: list[Record] = []
            for q in sorted(self.positions) if not self.held else []:
                if PARTITIONS[q] not in self.paused and self.b.stalled["fetch", q] <= self.w.now:
                    new = self.b.log[q][self.positions[q] : self.positions[q] + 3]
                    records += [logged.record for logged in new]
                    self.positions[q] += len(new)
            return Fetched(records, assigned, revoked, {})

        return await self.w.call(self.worker, apply)

    def hold(self, held: bool) -> None:
        self.held = held

    def pause(self, partitions: frozenset[TopicPartition]) -> None:
        self.paused = partitions

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        def apply() -> Mapping[TopicPartition, int]:
            heard = [p for p in partitions if self.b.stalled["list", p.partition] <= self.w.now]
            return {p: len(self.b.log[p.partition]) for p in heard}

        return await self.w.call(self.worker, apply)

    async def partitions(self) -> frozenset[TopicPartition]:
        def apply() -> frozenset[TopicPartition]:
            if len(self.b.log) > self.b.known:
                self.b.known = len(self.b.log)
                self.b.rebalance()
            return frozenset(PARTITIONS[: len(self.b.log)])

        return await self.w.call(self.worker, apply)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        def apply() -> None:
            for (_, q), offset in offsets.items():
                if q not in self.positions or self.generation != self.b.generation:
                    continue
                self.b.committed[q] = max(self.b.committed[q], offset)
                if not all(logged.saved for logged in self.b.log[q][:offset]):
                    self.w.violate("S2", f"partition {q} committed {offset} above an unfinished record")

        await self.w.call(self.worker, apply)

    async def rewind(self) -> Mapping[TopicPartition, int]:
        def apply() -> Mapping[TopicPartition, int]:
            self.positions = {q: self.b.committed[q] for q in self.positions}
            return {PARTITIONS[q]: offset for q, offset in self.positions.items()}

        return await self.w.call(self.worker, apply)


class DeadLetterTopic:
    def __init__(self, broker: Broker, worker: Worker) -> None:
        self.b, self.worker = broker, worker

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        names = {(letter.record.partition, letter.record.offset) for letter in letters}
        await self.b.w.call(self.worker, lambda: self.b.dead_letters.update(names))


class FeedTopic:
    def __init__(self, world: World, worker: Worker, feed: list[FeedRecord], mlflow: "Mlflow") -> None:
        self.w, self.worker, self.feed, self.mlflow = world, worker, feed, mlflow

    async def publish(self, records: Sequence[FeedRecord]) -> None:
        await self.w.call(self.worker, lambda: self.feed.extend(records))
        if self.mlflow.down_until > self.w.now:
            self.w.rare["the feed went on while MLflow was down"] += 1


@dataclass
class Stored:
    """A row in MLflow."""

    ref: RowRef
    kind: Literal["verdict", "error"]
    transcript_hash: str
    session: str
    ours: bool = True
    interim: bool = False


class Mlflow:
    """Rows by client-chosen id; no conditional write. A trace is unknown until it arrives there."""

    def __init__(self, world: World) -> None:
        self.w = world
        self.rows: dict[str, Stored] = {}
        self.arrives: dict[str, int] = {}
        self.foreign: set[str] = set()
        self.good: dict[tuple[str, str], int] = {}
        """By session and judge: the greatest token under which a verdict was written."""
        self.down_until = self.refusing_until = 0

    def has(self, trace_id: str) -> bool:
        return self.arrives.get(trace_id, 10**18) <= self.w.now

    def foreign_row(self, trace_id: str) -> None:
        """MLflow's own scorer, a person, or another deployment writes under the same name on the same trace."""
        ref = RowRef(f"foreign-{trace_id}", f"tr-{trace_id}", "a")
        self.rows[ref.assessment_id] = Stored(ref, "verdict", "", "", ours=False)
        self.foreign.add(ref.assessment_id)


class Rows:
    """AssessmentStore of one worker."""

    def __init__(self, mlflow: Mlflow, worker: Worker) -> None:
        self.m, self.worker = mlflow, worker

    async def _send(self, apply: Callable[[], T]) -> T:
        def reach() -> T:
            if self.m.w.now < self.m.down_until:
                raise TransientError("MLflow is down")
            if self.m.w.now < self.m.refusing_until:
                self.m.w.rare["MLflow refused us"] += 1
                raise PermanentError("MLflow: 401")
            return apply()

        return await self.m.w.call(self.worker, reach, slow=60, hot=True, late=True)

    async def patch(self, row: Row) -> bool:
        def apply() -> bool:
            stored = self.m.rows.get(row.ref.assessment_id)
            if stored is None:
                return False
            if row.error is not None and stored.kind == "verdict":
                self.m.w.violate("S6", f"an error replaced the verdict {row.ref}")
            if row.ref.assessment_id in self.m.foreign:
                self.m.w.violate("S10", f"changed the foreign row {row.ref}")
            self._put(row)
            return True

        return await self._send(apply)

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        def apply() -> Literal["created", "exists", "no_trace"]:
            if not self.m.has(row.ref.trace_id.removeprefix("tr-")):
                return "no_trace"
            if row.ref.assessment_id in self.m.rows:
                return "exists"
            self._put(row)
            return "created"

        return await self._send(apply)

    def _put(self, row: Row) -> None:
        kind: Literal["verdict", "error"] = "verdict" if row.error is None else "error"
        said, session = row.metadata["streamer.transcript_hash"], row.metadata["mlflow.trace.session"]
        interim = row.metadata["streamer.interim"] == "true"
        self.m.rows[row.ref.assessment_id] = Stored(row.ref, kind, said, session, interim=interim)
        if kind == "verdict":
            name, token = (session, row.ref.judge), int(row.metadata["streamer.token"])
            self.m.good[name] = max(token, self.m.good.get(name, 0))
        self.m.w.tell("mlflow has", kind, session, row.ref.judge, row.ref.trace_id[-4:], said[:6])

    async def delete(self, row: RowRef) -> None:
        def apply() -> None:
            self.m.rows.pop(row.assessment_id, None)
            self.m.w.tell("mlflow delete", row.judge, row.trace_id[-4:])
            if row.assessment_id in self.m.foreign:
                self.m.w.violate("S10", f"deleted the foreign row {row}")

        await self._send(apply)

    async def expectations(self, first_trace: str, session_id: str) -> Mapping[str, Any] | None:
        return {}
