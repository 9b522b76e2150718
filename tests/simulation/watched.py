"""The system's classes with the laws watching over their shoulder: each does what its base does, and tells."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from streamer.core.assessment import RowRef
from streamer.core.ids import Scope
from streamer.core.interpret import interpret
from streamer.core.lifecycle import Closing
from streamer.core.model import Completion, ModelRequest
from streamer.core.session import Begun, Claim, Expired, Outcome, Sweep
from streamer.core.turn import Turn
from streamer.core.wire.records import Record
from streamer.loops.choke_point import Account, ChokePoint
from streamer.loops.held import Held
from streamer.loops.ingest import Ingest
from streamer.loops.judge import Judge
from streamer.ports import TopicPartition
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.redis_state import Bucket, TraceRow
from tests.fakes.session_store import FakeSessionStore
from tests.simulation.forgetting import check_answer
from tests.simulation.world import Worker

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster


class WatchedStore(FakeSessionStore):
    def __init__(self, cluster: "Cluster", worker: Worker) -> None:
        self.cluster, self.worker = cluster, worker
        super().__init__(cluster.redis, partial(cluster.world.call, worker))

    def on_claims(self, claims: list[Claim]) -> list[Claim]:
        self.cluster.laws.claimed(claims)
        return claims

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        await super().save_answer(claim, call_key, answer)
        self.cluster.laws.answers.add((claim.session.key, call_key))
        check_answer(self.cluster.laws, claim, call_key)

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        done = await super().end_write(claim, outcome)
        if done:
            self.cluster.laws.completed(claim, outcome.reason)
            self.cluster.laws.policies.completed(claim, outcome.entries, outcome.reason)
            self.cluster.laws.told(claim, outcome.entries)
        return done

    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        begun = await super().begin_write(claim, rows)
        if begun.crowded:
            self.cluster.world.rare["another intent was open at begin"] += 1
        return begun

    def on_sweep(self, b: Bucket, sweep: Sweep, trace_id: str, row: TraceRow) -> None:
        """S1: the sweep drops only what a kept turn has read."""
        laws = self.cluster.laws
        laws.swept.add(trace_id)
        kept = self.cluster.redis.buckets[sweep.session.bucket].session(sweep.session.key)
        turn = kept.turns.get(trace_id) if kept else None
        read_now = interpret(trace_id, row.facts(), None).turn
        if turn is None or (read_now is not None and not row.swept and read_now.spans_seen > turn.spans_seen):
            laws.w.violate("S1", f"the sweep of {trace_id} dropped spans that no turn had")

    async def finish_sweep(self, sweep: Sweep) -> bool:
        done = await super().finish_sweep(sweep)
        if done:
            laws = self.cluster.laws
            laws.answers -= {name for name in laws.answers if name[0] == sweep.session.key}
        return done

    async def expire_parked(self, scope: Scope, trace_id: str) -> Expired | None:
        gone = await super().expire_parked(scope, trace_id)
        if gone:
            self.cluster.laws.parked_out.add(trace_id)
            self.cluster.world.rare["a parked trace expired"] += 1
        return gone


class WatchedIngest(Ingest):
    cluster: "Cluster"

    async def _save(self, by_partition: Mapping[TopicPartition, Sequence[Record]]) -> None:
        await super()._save(by_partition)
        for partition, records in by_partition.items():
            for record in records:
                self.cluster.broker.log[partition.partition][record.offset].saved = True

    async def _go_back(self) -> None:
        await super()._go_back()
        if self.cluster.laws.failed_over:
            self.cluster.world.rare["ingest sought back after a fail-over"] += 1


class WatchedJudge(Judge):
    cluster: "Cluster"
    worker: Worker

    def _closing(self, held: Held, turns: Mapping[str, Turn]) -> Closing:
        closed = super()._closing(held, turns)
        if closed.reason is not None:
            self.cluster.laws.closing(held.claim, turns, closed.reason, self._p.in_force.number)
        return closed


class WatchedChokePoint(ChokePoint):
    cluster: "Cluster"
    worker: Worker

    async def _buy(self, account: Account, request: ModelRequest, call_key: str) -> Completion:
        self.cluster.laws.bought(account, call_key, self.worker)
        try:
            return await super()._buy(account, request, call_key)
        finally:
            self.cluster.laws.in_flight.pop((account.held.claim.session.key, call_key), None)


RARE_BY_METRIC = {
    "releases": "a claim put its session back",
    "retractions": "retraction",
    "sessions_unread": "facts expired",
    "ownership_lost": "lease lost between answer and write",
    "stale_completions": "stale completion",
    "answers_reused": "a saved answer was used again",
    "first_trace_waits": "the first trace was awaited",
    "no_trace": "MLflow has no trace of the session",
}


class RareMetrics(SilentMetrics):
    """Rare states are what the metrics count anyway."""

    def __init__(self, cluster: "Cluster") -> None:
        self._rare = cluster.world.rare

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        if name in RARE_BY_METRIC:
            self._rare[RARE_BY_METRIC[name]] += 1
        if name == "rows" and labels["action"] == "deleted":
            self._rare["first trace moved after a write"] += 1


class RareJournal(SilentJournal):
    def __init__(self, cluster: "Cluster") -> None:
        self._world = cluster.world

    def say(self, level: Literal["debug", "info", "warning", "error"], event: str, **fields: object) -> None:
        self._world.tell(event, *fields.values())
        if event == "partitions_aligned" and fields["partitions"]:
            self._world.rare["a partition waited for the slowest"] += 1
        if event == "judge_failed" and fields["state"] == "failed":
            self._world.rare["a judge failed for good"] += 1
