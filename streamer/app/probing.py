"""`streamer probe`: a synthetic conversation is sent, and its verdict waited for where people would read it.

Rule: what a probe brought about it takes back: its session is erased when it is over, its rows and its trace go from
MLflow, so that no trend and no later claim knows of it. What it cost stays spent.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.adapters import otlp_http
from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.app.addressing import topic_of, whose
from streamer.app.forgetting import until_rest
from streamer.app.looking import now_of, session_keys, source_named
from streamer.app.people import mlflow_of, previewed, redis_of
from streamer.core.ids import Scope, assessment_id, mlflow_trace_id
from streamer.core.probe import Hearing, ProbeTurn, naming, probe_turn
from streamer.core.rules import rule_of
from streamer.core.session import SessionRef
from streamer.core.verdict import VerdictValue
from streamer.core.wire.records import Record
from streamer.errors import ConfigurationError, StreamerError
from streamer.loops.forgetting import erase
from streamer.settings import Settings

KAFKA = "kafka"
TAKE_BACK_S_MAX = 30
"""For a judge worker to finish with the session and to take its rows back; the erasure goes on by itself."""
LOOK_S = 0.2


class Plan(NamedTuple):
    """What is sent, where to, and who will read it."""

    session: SessionRef
    turn: ProbeTurn
    record: Record
    through: str
    """KAFKA, or the address of a Collector."""
    rule: str
    judges: Sequence[str]
    """Those that will be asked, by the rules of these settings: a call each."""


class Step(NamedTuple):
    name: str
    seconds: float
    """Since the conversation was sent."""
    says: str = ""


@dataclass(slots=True)
class Report:
    """`problem` is empty where the probe came back."""

    session_id: str
    trace_id: str
    through: str
    steps: list[Step] = field(default_factory=list)
    verdicts: dict[str, VerdictValue] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def plan(
    settings: Settings,
    now_ms: int,
    nonce: str,
    *,
    through: str = KAFKA,
    source: str = "default",
    tenant: str | None = None,
    topic: str | None = None,
    service: str = "streamer-probe",
) -> Plan:
    """ConfigurationError where these settings would not have it read, kept or judged; says which rule."""
    found = source_named(settings, source)
    if found.encoding not in ("auto", "otlp_proto") and through == KAFKA:
        raise ConfigurationError(f"source {source} reads {found.encoding} alone: probe it --through a Collector")
    owner, headers = whose(found, tenant)
    if headers and through != KAFKA:
        raise ConfigurationError(f"--tenant {owner!r} is told by a header, which no Collector sends: probe it by Kafka")
    resource = {"service.name": service, **({found.tenant_resource: owner} if found.tenant_resource else {})}
    scope = Scope(source, owner)
    turn = probe_turn(scope, nonce, now_ms, naming(found.session_keys), resource)
    record = Record(topic_of(found, topic), -1, -1, now_ms, turn.request, None, headers)
    seen = previewed([record], found.cut_rules())
    if not seen.turns:
        left_out = seen.records[0].left_out_by or "its rules"
        raise ConfigurationError(
            f"source {source} would not keep the probe ({left_out}): name a service that it keeps with --service"
        )
    rule = rule_of(settings.core_rules(), owner, [seen.turns[0].turn])
    judges = [spec.name for spec in settings.judge_specs() if rule.wants(spec.name) and not spec.reads_expectations]
    if not judges or rule.sampling <= 0:
        why = "wants no judge" if not judges else "judges no session (sampling = 0)"
        raise ConfigurationError(
            f"rule {rule.name!r} {why}: the probe would stop there; name a service of another rule with --service"
        )
    return Plan(SessionRef(scope, turn.session_id), turn, record, through, rule.name, judges)


async def probe(settings: Settings, what: Plan, timeout_s: float, tell: Callable[[Step], None]) -> Report:
    """Each step is told as it is reached. Raises StreamerError where a service does not answer; a probe that does not
    come back in time is a report with a problem."""
    async with redis_of(settings) as redis, mlflow_of(settings) as rows, _Feed(settings) as feed:
        run = _Run(settings, what, redis, rows, feed, tell)
        try:
            async with asyncio.timeout(timeout_s):
                await run.follow()
        except TimeoutError:
            run.report.problem = await run.why_not()
        await run.take_back(min(timeout_s, TAKE_BACK_S_MAX))
    return run.report


class _Run:
    def __init__(
        self,
        settings: Settings,
        what: Plan,
        redis: RedisConnection,
        rows: MlflowAssessments,
        feed: "_Feed",
        tell: Callable[[Step], None],
    ) -> None:
        self._settings, self._what, self._redis, self._rows, self._feed = settings, what, redis, rows, feed
        self._tell, self._loop = tell, asyncio.get_running_loop()
        self._hearing = Hearing.of(what.turn.session_id, settings.judge_specs())
        self._saved = False
        self.report = Report(what.turn.session_id, what.turn.trace_id, what.through)

    async def follow(self) -> None:
        """To the verdict on the feed, and to the rows where MLflow gets the trace."""
        await self._feed.records()
        await self._send()
        await self._until_saved()
        while not self._hearing.is_over:
            known = set(self._hearing.verdicts)
            for record in await self._feed.records():
                if record.value:
                    self._hearing.hear(json.loads(record.value))
            for judge in sorted(self._hearing.verdicts.keys() - known):
                self._reached("verdict on the feed", f"{judge}: {self._hearing.verdicts[judge]}")
        self.report.verdicts, self.report.left_out = self._hearing.verdicts, self._hearing.left_out
        self.report.problem = self._hearing.problem
        if self._what.through != KAFKA and not self.report.problem:
            await self._until_written()

    async def _send(self) -> None:
        self._began = self._loop.time()
        if self._what.through == KAFKA:
            publisher = KafkaPublisher(self._settings.kafka.connection(), self._settings.feed.topic)
            try:
                await publisher.append([self._what.record])
            finally:
                await publisher.close()
            self._reached("on Kafka", self._what.record.topic)
        else:
            await otlp_http.export(self._what.through, self._what.turn.request)
            self._reached("taken by the Collector", self._what.through)

    async def _until_saved(self) -> None:
        while await self._redis.handle().session(self._what.session.key) is None:
            await asyncio.sleep(LOOK_S)
        self._saved = True
        self._reached("saved in Redis")

    async def _until_written(self) -> None:
        """One row per verdict, on the trace."""
        session, trace_id = self._what.session, self._what.turn.trace_id
        namespace = self._settings.mlflow.namespace
        wanted = {assessment_id(namespace, trace_id, session.session_id, judge) for judge in self.report.verdicts}
        while True:
            there = await self._rows.rows(mlflow_trace_id(trace_id))
            if wanted <= {row.assessment_id for row in there}:
                return self._reached("rows in MLflow", mlflow_trace_id(trace_id))
            await asyncio.sleep(LOOK_S)

    def _reached(self, name: str, says: str = "") -> None:
        step = Step(name, round(self._loop.time() - self._began, 2), says)
        self.report.steps.append(step)
        self._tell(step)

    async def why_not(self) -> str:
        """What a probe that did not come back in time was waiting for."""
        if not self._saved:
            where = "it" if self._what.through == KAFKA else f"what {self._what.through} writes to Kafka"
            return f"nobody has saved it: does an ingest worker run, and read {where} (streamer status)?"
        kept = await RedisReader(self._redis.shared).kept(
            self._what.session.key, await now_of(self._redis, self._settings)
        )
        said = kept.line.says if kept else "the session is gone"
        if self._hearing.is_over:
            return f"its rows are not in MLflow: {said}"
        waits = f"; waits for {', '.join(sorted(self._hearing.waited))}" if self._hearing.waited else ""
        return f"no verdict yet: {said}{waits}"

    async def take_back(self, wait_s: float) -> None:
        """What stands is erased once no worker is at it. One that nobody has saved by now is judged when it comes."""
        key = self._what.session.key
        if not self._saved:
            return
        until = self._loop.time() + wait_s
        reader = RedisReader(self._redis.shared)
        while self._loop.time() < until:
            kept = await reader.kept(key, await now_of(self._redis, self._settings))
            if kept is None or kept.line.state != "leased":
                break
            await asyncio.sleep(LOOK_S)
        await erase(self._redis.handle(), key, session_keys(self._settings))
        kept = await until_rest(self._redis, self._settings, key, until - self._loop.time())
        if kept is None or kept.line.state == "rest":
            self._reached("taken back", await self._forget_trace())
        else:
            self._reached("to be taken back", kept.line.says)

    async def _forget_trace(self) -> str:
        """The trace in MLflow is nobody's conversation; `evaluate` would read it as one. Why it stays, if it does."""
        if self._what.through == KAFKA:
            return ""
        try:
            await self._rows.delete_trace(mlflow_trace_id(self._what.turn.trace_id))
        except StreamerError as error:
            return f"but for its trace in MLflow: {error}"
        return ""


class _Feed:
    """What is appended to the feed, read by a thread; the first reading is empty, and nothing is missed after it."""

    def __init__(self, settings: Settings) -> None:
        self._following = kafka_reader.following(settings.kafka.connection(), settings.feed.topic)
        self._pending: asyncio.Future[list[Record]] | None = None

    async def records(self) -> list[Record]:
        self._pending = asyncio.ensure_future(asyncio.to_thread(next, self._following))
        return await asyncio.shield(self._pending)

    async def __aenter__(self) -> "_Feed":
        return self

    async def __aexit__(self, *_: object) -> None:
        """A reading that was given up is still under way: a generator cannot be closed meanwhile."""
        if self._pending is not None:
            with suppress(StreamerError):
                await self._pending
        await asyncio.to_thread(self._following.close)
