"""The whole system in one process: real loops and real core on simulated services, watched by the laws.

`Parts` are the classes it is built of; a planted bug swaps one of them (planted.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from streamer.core.feed import FeedRecord
from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.lifecycle import Limits
from streamer.core.rules import Rule
from streamer.core.transcript import Transcript
from streamer.loops.audit import Audit
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.ingest import IngestParts
from streamer.loops.judge import JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.writing import Writing
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.simulation.forgetting import forget_now_and_then
from tests.simulation.judging import LanguageModel, Purse, SimulatedJudges
from tests.simulation.laws import Laws
from tests.simulation.services import Broker, DeadLetterTopic, FeedTopic, Mlflow, Rows, Source
from tests.simulation.terms import LIMITS, limited, rules_of, terms
from tests.simulation.truth import CUTTER
from tests.simulation.watched import (
    RareJournal,
    RareMetrics,
    WatchedChokePoint,
    WatchedIngest,
    WatchedJudge,
    WatchedStore,
)
from tests.simulation.workload import Applications
from tests.simulation.world import EPOCH_MS, SimulatedClock, SimulatedTasks, Worker, World, pause

SOURCE = "default"
BUSY_MS, IDLE_MS = 10, 250
"""Between two passes of a loop that asked to go on at once, and of one that found nothing to do."""
SLICE_BYTES = 600
"""Some records: what of a fetch waits when Redis is full is less than all of it."""
SAFETY_MS, LIVENESS_MS, CALM_MS = 150_000, 1_800_000, 130_000
LOSS_MS_MAX, LATER = 4_000, 10**18
"""A fail-over loses at most this much; `commit_delay_ms` is above it."""


@dataclass
class Parts:
    """The classes of a worker."""

    ingest: type[WatchedIngest] = WatchedIngest
    judge: type[WatchedJudge] = WatchedJudge
    store: type[WatchedStore] = WatchedStore
    choke_point: type[WatchedChokePoint] = WatchedChokePoint
    held: type[HeldClaims] = HeldClaims
    scoring: type[Scoring] = Scoring
    publishing: type[Publishing] = Publishing
    writing: type[Writing] = Writing
    audit: type[Audit] = Audit
    source: type[Source] = Source
    eraser: type[FakeSessionStore] = FakeSessionStore
    limits: Limits = LIMITS
    harsh: Mapping[str, float] = field(default_factory=dict)
    """Rates of the world that are not drawn: a mistake that shows only in rare weather is looked for in that."""
    prepare: Callable[[FakeRedis], None] = lambda redis: None


@dataclass
class Cluster:
    """Everything that outlives a worker's crash."""

    world: World
    parts: Parts
    rules: tuple[Rule, ...]
    broker: Broker = field(init=False)
    redis: FakeRedis = field(init=False)
    mlflow: Mlflow = field(init=False)
    laws: Laws = field(init=False)
    apps: Applications = field(init=False)
    feed: list[FeedRecord] = field(default_factory=list)
    seen: dict[str, Transcript] = field(default_factory=dict)
    permanent: dict[tuple[str, str], int] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    generation: int = 1

    def __post_init__(self) -> None:
        w, r = self.world, self.world.random
        self.permanent = {(f"s{n}", "b"): r.choice([1, 2, 3]) for n in range(6) if r.random() < 0.15}
        self.broker, self.mlflow, self.purse = Broker(w, 3), Mlflow(w), Purse(w)
        self.redis = FakeRedis(lambda: w.now, self.parts.limits, nodes=2, distinct=4)
        for bucket in self.redis.buckets.values():
            bucket.journaling = w.p_failover > 0
        self.parts.prepare(self.redis)
        self.apps = Applications(w, self.broker, self.mlflow)
        self.laws = Laws(self)
        self.redis.after = self.laws.look_at
        kinds = [
            ("ingest", self._ingest, r.randint(1, 3)),
            ("judge", self._judge, r.randint(2, 3)),
            ("audit", self._audit, 1),
        ]
        self.workers = [Worker(f"{name}{n}", boot) for name, boot, count in kinds for n in range(count)]
        self.broker.members = [worker.name for worker in self.workers if worker.name.startswith("ingest")]
        self.broker.rebalance()
        for worker in self.workers:
            worker.boot(worker)

    def _loop(self, worker: Worker, step: Callable[[], Awaitable[int]], calm_ms: int) -> None:
        """A loop with nothing to do looks less often than it would: faults are for calls that matter, and half an
        hour must pass quickly when they have stopped."""

        async def run() -> None:
            while True:
                idle_ms = await step()
                calm_or_idle_ms = IDLE_MS if self.world.faults else calm_ms
                await pause(max(calm_or_idle_ms if idle_ms >= BUSY_MS else BUSY_MS, idle_ms))

        self.world.spawn(worker, run(), self.world.random.randint(1, 300))

    def _store(self, worker: Worker) -> WatchedStore:
        return self.parts.store(self, worker)

    def _ingest(self, worker: Worker) -> None:
        parts = IngestParts(
            name=SOURCE,
            source=self.parts.source(self.broker, worker),
            store=self._store(worker),
            dead_letters=DeadLetterTopic(self.broker, worker),
            cutter=CUTTER,
            fuse=Fuse(FuseLimits(), [SOURCE]),
            limits=self.parts.limits,
            clock=SimulatedClock(self.world),
            metrics=RareMetrics(self),
            journal=RareJournal(self),
            slice_bytes=SLICE_BYTES,
        )
        ingest = self.parts.ingest(parts)
        ingest.cluster = self
        self._loop(worker, ingest.step, calm_ms=4_500)

    def _judge(self, worker: Worker) -> None:
        w, limits, store = self.world, self.parts.limits, self._store(worker)
        clock, tasks = SimulatedClock(w), SimulatedTasks(w, worker)
        metrics, journal = RareMetrics(self), RareJournal(self)
        held = self.parts.held(store, clock, limits)
        rows = Rows(self.mlflow, worker)
        choke_point = self.parts.choke_point(
            LanguageModel(w, self.permanent), store, held, self.purse, clock, metrics, journal
        )
        choke_point.cluster, choke_point.worker = self, worker
        judges = SimulatedJudges(w, self.seen)
        parts = JudgeParts(
            sources=[SOURCE],
            store=store,
            held=held,
            scoring=self.parts.scoring(judges, choke_point, rows, limits, clock, tasks, metrics, journal),
            publishing=self.parts.publishing(
                "sim", FeedTopic(w, worker, self.feed, self.mlflow), clock, metrics, journal
            ),
            writing=self.parts.writing("sim", rows, store, held, limits, metrics, journal),
            limits=limits,
            in_force=InForce(store, terms(self.generation, self.rules), metrics, journal, self.generation),
            capacity=2,
            clock=clock,
            tasks=tasks,
            metrics=metrics,
            journal=journal,
        )
        judge = self.parts.judge(parts)
        judge.cluster, judge.worker = self, worker
        self._loop(worker, judge.step, calm_ms=6_000)
        self._loop(worker, held.step, calm_ms=2_000)

    def _audit(self, worker: Worker) -> None:
        audit = self.parts.audit(
            self._store(worker), self.parts.limits, RareMetrics(self), RareJournal(self), pause_ms=300
        )
        self._loop(worker, audit.step, calm_ms=3_000)

    # ------------------------------------------------------------ bad luck

    async def chaos(self) -> None:
        w, r = self.world, self.world.random
        change_at, partition_at = (w.now + r.randint(20_000, 120_000) if r.random() < 0.4 else LATER for _ in range(2))
        while w.faults:
            await pause(1_000)
            self._stall_and_rebalance()
            self._fill_redis()
            if r.random() < w.p_failover * 0.06:
                self._fail_over(r.randrange(self.redis.nodes))
            if r.random() < w.p_outage * 0.02:
                self.mlflow.down_until = w.now + r.randint(5_000, 60_000)
                if r.random() < 0.3:
                    self.mlflow.down_until, self.mlflow.refusing_until = w.now, self.mlflow.down_until
            if w.now > partition_at and len(self.broker.log) < 4:
                self.broker.add_partition()
                if r.random() < 0.6:  # nobody can read it for a while, and applications write to it already
                    self.broker.stalled["fetch", len(self.broker.log) - 1] = w.now + r.randint(10_000, 60_000)
            if w.now > change_at:
                change_at = LATER
                await self._deploy()
            if self.mlflow.arrives and r.random() < 0.02:
                self.mlflow.foreign_row(r.choice(sorted(self.mlflow.arrives)))
            if r.random() < 0.01:
                await self._pause_for(5_000)

    def _stall_and_rebalance(self) -> None:
        w, r = self.world, self.world.random
        if r.random() < w.p_rebalance * 0.2:
            self.broker.rebalance()
        for what in ("fetch", "list"):
            if r.random() < w.p_stall * 4:
                self.broker.stalled[what, r.randrange(len(self.broker.log))] = w.now + r.randint(500, 20_000)

    def _fill_redis(self) -> None:
        """Memory under pressure, often while one partition lags: what the others say then lies in Redis and waits."""
        w, r = self.world, self.world.random
        if not w.faults or r.random() >= w.p_pressure * 0.06:
            return
        self.redis.memory_share = r.choice([0.0, 0.7, 0.7, 0.9])
        if r.random() < 0.7:
            self.broker.stalled["fetch", r.randrange(len(self.broker.log))] = w.now + r.randint(10_000, 60_000)

    def _fail_over(self, node: int) -> None:
        before = {(n, s.ref.key): s.token for n, b in self.redis.buckets.items() for s in b.sessions()}
        self.world.tell("fail-over of node", node)
        self.redis.fail_over(node, self.world.random.randint(0, LOSS_MS_MAX))
        self.world.rare["fail-over"] += 1
        self.laws.failed_over = True
        after = {(n, s.ref.key): s.token for n, b in self.redis.buckets.items() for s in b.sessions()}
        if any(after.get(name) != token for name, token in before.items()):
            self.world.rare["a fail-over lost a claim"] += 1

    async def _deploy(self) -> None:
        """A changed configuration: a number in Redis, then the judges restart one by one."""
        self.generation = self.world.random.choice([2, 3])
        await FakeSessionStore(self.redis).set_generation(self.generation, b"")
        self.laws.changed_at = self.world.now
        self.world.rare["the configuration changed"] += 1
        for worker in self.workers:
            if worker.name.startswith("judge"):
                self.world.spawn(None, self._replace(worker), self.world.random.randint(100, 30_000))

    async def _replace(self, worker: Worker) -> None:
        self.world.crash(worker, self.world.random.randint(100, 5_000))

    async def _pause_for(self, ms: int) -> None:
        await FakeSessionStore(self.redis).set_paused(True)
        await pause(ms)
        await FakeSessionStore(self.redis).set_paused(False)

    def at_rest(self) -> bool:
        if self.world.now < EPOCH_MS + SAFETY_MS + CALM_MS or self.broker.unsaved():
            return False
        sessions = [(b, s) for b in self.redis.buckets.values() for s in b.sessions()]
        return all(s.at_rest() and not b.indexes_of(s.ref) and s.ref.key not in b.scores("sweep") for b, s in sessions)


def run(seed: int, parts: Parts | None = None, telling: bool = False) -> World:
    """One seed: a phase with faults, one without, then the laws. The world says what was broken and seen."""
    world = World(seed)
    world.telling = telling
    parts = parts or Parts()
    rules = rules_of(seed)
    parts = replace(parts, limits=limited(parts.limits, rules))
    for name, rate in parts.harsh.items():
        setattr(world, name, rate)
    cluster = Cluster(world, parts, rules)
    for work in (cluster.apps.run(), cluster.chaos(), forget_now_and_then(cluster, seed)):
        world.spawn(None, work)
    world.run_until(EPOCH_MS + SAFETY_MS)
    world.faults = False
    cluster.broker.stalled.clear()  # whoever is stopped goes on sleeping: half awake he would be a fault of its own
    # Facts are still there, so that alignment stays in force: everything must be judged all the same.
    cluster.redis.memory_share = min(cluster.redis.memory_share, 0.7)
    cluster.mlflow.down_until = cluster.mlflow.refusing_until = 0
    world.run_until(EPOCH_MS + SAFETY_MS + LIVENESS_MS, cluster.at_rest)
    cluster.laws.check_end()
    world.close()
    return world
