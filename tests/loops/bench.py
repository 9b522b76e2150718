"""A judge worker on fakes, in virtual time: what a test says to it is a conversation, a fault, and how long to wait."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from streamer.core.feed import FeedRecord
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion, ModelRequest
from streamer.core.rules import Rule
from streamer.core.session import SessionRef, Wake
from streamer.core.terms import Terms
from streamer.core.transcript import Transcript
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.errors import CallFailed, TransientError
from streamer.loops.choke_point import ChokePoint
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.writing import Writing
from streamer.ports import Ask, TopicPartition
from tests.builders import fragments_of, otlp_record, span
from tests.fakes.language_model import LanguageModel
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.mlflow_rows import MlflowRows
from tests.fakes.one_call import one_call
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.fakes.spending import FakeSpending

START_MS = 1_700_000_000_000
GAP_MS = 60_000
LIMITS = Limits(gap_ms_min=GAP_MS, settle_ms=1_000, trace_timeout_ms=GAP_MS, late_ms=10_000)
DEFAULT = Rule(idle_gap_ms=GAP_MS, settle_ms=LIMITS.settle_ms)
SOURCE = "default"


def spec(name: str, **changes: Any) -> JudgeSpec:
    return JudgeSpec(type="make_judge", name=name, model="openai:/m", instructions="{{ conversation }}", **changes)


class OneCall:
    """Judges: one model call a judgement; the answer is the verdict's value."""

    async def judge(
        self, spec: JudgeSpec, transcript: Transcript, expectations: Any, ask: Ask
    ) -> Verdict | JudgeFailure:
        said = f"{spec.name}|{transcript.session_id}|{transcript.hash}"
        answer = await one_call(spec, said, ask)
        if isinstance(answer, JudgeFailure):
            return answer
        return Verdict(value=answer.content, rationale="", usage=answer.usage)


class Feed:
    """FeedPublisher; `refusals` publishings fail first."""

    def __init__(self) -> None:
        self.records: list[FeedRecord] = []
        self.refusals = 0

    async def publish(self, records: Sequence[FeedRecord]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise TransientError("Kafka is down")
        self.records += records

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [record.value for record in self.records if record.kind == kind]


class Tasks:
    """Runs what was started when the worker has finished its pass."""

    def __init__(self) -> None:
        self.started: list[Coroutine[Any, Any, None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.started.append(work)

    async def together(self, works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        return [await work for work in works]


@dataclass
class Bench:
    """`limits`, `model`, `rows` and `spending` may be other ones; time moves only in `wait`."""

    limits: Limits = LIMITS
    model: LanguageModel = field(default_factory=lambda: LanguageModel(content="good"))
    rows: MlflowRows = field(default_factory=MlflowRows)
    feed: Feed = field(default_factory=Feed)
    specs: tuple[JudgeSpec, ...] = (spec("a"),)
    rules: tuple[Rule, ...] = (DEFAULT,)
    generation: int = 1
    now: int = START_MS
    usd_max: float = 1_000.0

    def __post_init__(self) -> None:
        self.redis = FakeRedis(self.now_ms, self.limits)
        self.store = FakeSessionStore(self.redis)
        self.spending = FakeSpending(self.now_ms, usd_max=self.usd_max, tokens_max=None)
        self.scope = Scope(SOURCE, "default")
        self.turns = 0

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms

    async def say(
        self,
        session: str,
        user: str = "Hello?",
        *,
        trace: str | None = None,
        parent: str = "",
        in_mlflow: bool = True,
        **attributes: Any,
    ) -> str:
        """One turn, saved as ingest saves it; its trace id. With a `parent` the span is no root. `attributes` as in
        builders.span: `session__end=True` ends the session."""
        self.turns += 1
        trace = trace or f"{self.turns:032x}"
        said: dict[str, Any] = {"input__value": user, "output__value": "Hi.", "session__id": session}
        said |= {"openinference__span__kind": "AGENT", "start_ns": self.now * 10**6, "end_ns": self.now * 10**6 + 5}
        said |= attributes
        await self._save(trace, span(trace, f"{self.turns:016x}", parent, **said))
        if in_mlflow:
            self.rows.traces.add(f"tr-{trace}")
        return trace

    async def say_nothing(self, session: str, trace: str) -> None:
        """A late span without text, of a trace that is there."""
        self.turns += 1
        await self._save(trace, span(trace, f"{self.turns:016x}", "f" * 16, "lookup", session__id=session))

    async def _save(self, trace: str, one: Span) -> None:
        fragments = fragments_of(otlp_record(one))
        saved = await self.store.save_fragments(SOURCE, fragments)
        size = sum(fragment.span_bytes for fragment in fragments)
        wakes = [
            Wake(SessionRef(self.scope, candidate), trace, kept.version, self.now, kept.ends_session, size)
            for kept in saved.values()
            for candidate in kept.candidates
        ]
        await self.store.wake(wakes)

    def worker(self) -> tuple[Judge, Tasks]:
        """A new process: it knows nothing but its configuration."""
        metrics, journal, tasks = SilentMetrics(), SilentJournal(), Tasks()
        terms = Terms(specs=self.specs, rules=self.rules, content=b"")
        held = HeldClaims(self.store, self, self.limits)
        choke = ChokePoint(self.model, self.store, held, self.spending, self, metrics, journal)
        parts = JudgeParts(
            sources=[SOURCE],
            store=self.store,
            held=held,
            scoring=Scoring(OneCall(), choke, self.rows, self.limits, self, tasks, metrics, journal),
            publishing=Publishing("bench", self.feed, self, metrics, journal),
            writing=Writing("bench", self.rows, self.store, held, self.limits, metrics, journal),
            limits=self.limits,
            in_force=InForce(self.store, terms, metrics, journal, self.generation),
            capacity=100,
            clock=self,
            tasks=tasks,
            metrics=metrics,
            journal=journal,
        )
        return Judge(parts), tasks

    async def wait(self, ms: int, every_ms: int = 1_000) -> int:
        """Let time pass, with everything read and a worker and the audit at work; how many sessions were claimed."""
        judge, tasks = self.worker()
        end, claims = self.now + ms, 0
        while self.now < end:
            self.now += every_ms
            await self.store.add_partitions(SOURCE, [TopicPartition("t", 0)])
            await self.store.publish_progress(SOURCE, {TopicPartition("t", 0): self.now})
            await judge.step()
            claims += len(tasks.started)
            while tasks.started:
                await tasks.started.pop(0)
            for bucket in range(16):
                await self.store.inspect(bucket)
        return claims

    async def entry(self, session: str, judge: str = "a") -> Entry:
        found = await self.store.session(SessionRef(self.scope, session).key)
        assert found is not None
        return found[1].ledger[judge]

    def state(self, session: str) -> Literal["at rest", "open", "leased"]:
        ref = SessionRef(self.scope, session)
        bucket = self.redis.buckets[ref.bucket]
        row = bucket.session(ref.key)
        assert row is not None
        if row.lease:
            return "leased"
        return "open" if bucket.indexes_of(ref) or not row.at_rest() else "at rest"


class Answering(LanguageModel):
    """`outage_ms` long from the first call every call fails with `failure`."""

    def __init__(self, bench_now: Any, failure: CallFailed, outage_ms: int) -> None:
        super().__init__(content="good")
        self._now, self._failure, self._outage_ms = bench_now, failure, outage_ms
        self._since: int | None = None

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        now = self._now()
        self._since = now if self._since is None else self._since
        if now < self._since + self._outage_ms:
            self.requests.append(request)
            raise self._failure
        return await super().complete(request, deadline_ms)
