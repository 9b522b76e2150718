"""Adapters are made and introduced to loops.

Rule: nothing is decided here but who meets whom.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, cast

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.litellm_model import LitellmModel, check_provider, missing_keys
from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.adapters.mlflow_translation import translated
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions import RedisAccess, RedisConnection, open_redis
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.adapters.system_clock import SystemClock
from streamer.app.ending import Ending
from streamer.app.looking import load_now
from streamer.core import turn_codec
from streamer.core.fuse import Fuse
from streamer.core.judges import models_of
from streamer.core.reading import resumed
from streamer.core.wire.cut import Cutter
from streamer.errors import TransientError
from streamer.loops.audit import Audit
from streamer.loops.choke_point import ChokePoint
from streamer.loops.clock_watch import ClockWatch
from streamer.loops.dry_run import DryRun, Estimate, NoDeadLetters
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.ingest import Ingest, IngestParts
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.load_watch import LoadWatch
from streamer.loops.probe import Probe
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.watermark_watch import WatermarkWatch
from streamer.loops.writing import Writing
from streamer.ports import DeadLetters
from streamer.settings import Settings, Source
from streamer.web import health as health_page
from streamer.web.state import Health, Service


class Judging(NamedTuple):
    """The parts of a judge worker that a reload tells."""

    in_force: InForce
    judges: MlflowJudges


T = TypeVar("T")
Role = Literal["ingest", "judge", "audit", "monitor", "notify"]
RETRY_MS = 1_000


@dataclass
class Process:
    """What all loops of this process share."""

    settings: Settings
    clock: SystemClock
    metrics: PrometheusMetrics
    journal: JsonJournal
    tasks: AsyncioTasks
    health: Health
    ending: Ending
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    loops: dict[str, Callable[[], Awaitable[int]]] = field(default_factory=dict)
    asks: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    held: HeldClaims | None = None
    redis: RedisConnection | None = None
    judging: Judging | None = None
    """What a reload gives new judges and rules to."""
    taking: list[Callable[[Settings], None]] = field(default_factory=list)
    """Who else is told of settings that were read again."""
    waits_ms_max: int | None = None
    """For a service that is down at the start; then the process stops. None: for ever."""

    def claims_held(self) -> int:
        return len(self.held) if self.held is not None else 0


async def start(process: Process, roles: frozenset[Role], estimate: Estimate | None) -> None:
    http = process.settings.http
    if http.port:
        page = health_page.serve(http.host, http.port, process.health, process.metrics.registry)
        process.tasks.start(page)
    redis = await when_there(process, "redis", lambda: open_for(process.settings))
    process.redis = redis
    process.ending.add("redis", redis.close if estimate is None else lambda: _purge(redis, estimate))
    await when_there(process, "redis", redis.refuse_during_rebuild)
    watch = ClockWatch(redis.handle(), process.clock, process.metrics)
    await when_there(process, "redis", watch.check)
    process.loops["clock"] = watch.step
    publisher = publisher_for(process, "feed")
    probing = redis.handle()
    process.asks |= {"redis": probing.probe, "kafka": publisher.ready}
    if "ingest" in roles:
        # Its own publisher: nothing is read while a dead letter waits to be acknowledged.
        dead_letters: DeadLetters = publisher_for(process, "dead letters") if estimate is None else NoDeadLetters()
        fuse = Fuse(process.settings.fuse.limits(), [source.name for source in process.settings.sources])
        for source in process.settings.sources:
            await _add_ingest(process, redis, dead_letters, source, fuse, lasting=estimate is None)
    if "judge" in roles:
        await _add_judge(process, redis, publisher, estimate)
    if "audit" in roles:
        process.loops["audit"] = Audit(redis.handle(), process.settings.limits(), process.metrics, process.journal).step
        sources = [source.name for source in process.settings.sources]
        process.loops["load"] = LoadWatch(lambda: load_now(redis, process.settings), process.metrics).step
        process.loops["watermark"] = WatermarkWatch(sources, redis.handle(), process.metrics, process.journal).step

    def on_change(service: str, reason: str | None) -> None:
        known = cast(Service, service)
        process.health.down(known, reason) if reason else process.health.up(known)

    for name in process.loops:
        process.health.beat(name)
    process.loops["probe"] = Probe(process.asks, on_change, process.metrics, process.journal).step
    _say_started(process, roles, estimate)


def _say_started(process: Process, roles: frozenset[Role], estimate: Estimate | None) -> None:
    """What a reader of the log wants to know first, and what will certainly go wrong."""
    s = process.settings
    topics = sorted({topic for source in s.sources for topic in source.topics})
    judges = sorted(spec.name for spec in s.judge_specs())
    dry = estimate is not None
    process.journal.say("info", "started", roles=sorted(roles), topics=topics, judges=judges, dry_run=dry)
    if "judge" in roles and not dry:
        for model in models_of(s.judge_specs()):
            if missing := missing_keys(model):
                remedy = f"export {missing[0]}=…"
                process.journal.say("warning", "model_key_missing", model=model, keys=missing, remedy=remedy)


def publisher_for(process: Process, what: str) -> KafkaPublisher:
    publisher = KafkaPublisher(process.settings.kafka.connection(), process.settings.feed.topic)
    process.ending.add(f"kafka, {what}", publisher.close)
    return publisher


async def _purge(redis: RedisConnection, estimate: Estimate) -> None:
    """A dry run leaves nothing behind, and says what it has not come to."""
    left = await RedisReader(redis.shared).counts(0)
    estimate.open, estimate.parked = left.quiet, left.parked
    await redis.purge()
    await redis.close()


async def open_for(settings: Settings) -> RedisConnection:
    redis = settings.redis
    access = RedisAccess(
        ca_file=redis.ca_file,
        cert_file=redis.cert_file,
        key_file=redis.key_file,
        sentinel_user=redis.sentinel_user,
        sentinel_password=redis.sentinel_password.get_secret_value() if redis.sentinel_password else None,
    )
    url = redis.url.get_secret_value()
    return await open_redis(url, settings.limits(), turn_codec, access=access, prefix=redis.key_prefix)


def spending_of(redis: RedisConnection, settings: Settings) -> RedisSpending:
    return RedisSpending(
        redis.shared.primary,
        usd_max=settings.spending.usd_per_day,
        tokens_max=settings.spending.tokens_per_day,
        prefix=settings.redis.key_prefix,
    )


async def when_there(process: Process, service: Service, make: Callable[[], Awaitable[T]]) -> T:
    """A service that is down at the start is waited for, in sight."""
    said, began_ms = False, process.clock.now_ms()
    while True:
        try:
            made = await make()
        except TransientError as error:
            if not said:
                process.journal.say("warning", "service_down", service=service, cause=str(error))
            said = True
            process.health.down(service, type(error).__name__)
            await sleep(process.stopping, RETRY_MS)
            if process.waits_ms_max is not None and process.clock.now_ms() - began_ms > process.waits_ms_max:
                process.stopping.set()
            if process.stopping.is_set():
                raise asyncio.CancelledError from error
        else:
            process.health.up(service)
            return made


async def sleep(until: asyncio.Event, ms: int) -> None:
    """Ends early when the event is set."""
    try:
        async with asyncio.timeout(ms / 1000):
            await until.wait()
    except TimeoutError:
        return


async def _add_ingest(
    process: Process, redis: RedisConnection, dead_letters: DeadLetters, source: Source, fuse: Fuse, *, lasting: bool
) -> None:
    kafka, limits, store = process.settings.kafka, process.settings.limits(), redis.handle()
    progress = await when_there(process, "redis", lambda: store.progress(source.name))
    margin_ms = limits.commit_delay_ms + limits.clock_skew_ms_max
    reader = KafkaSource(
        SourceSettings(
            connection=kafka.connection(),
            group=kafka.group,
            topics=source.topics,
            start=resumed(source.first_offset(process.clock.now_ms()), progress.values(), margin_ms),
            gap=source.offset_gap,
            lasting=lasting,
        )
    )
    process.ending.add(f"kafka, source {source.name}", reader.close)
    parts = IngestParts(
        name=source.name,
        source=reader,
        store=store,
        dead_letters=dead_letters,
        cutter=Cutter(source.cut_rules()),
        fuse=fuse,
        limits=process.settings.limits(),
        clock=process.clock,
        metrics=process.metrics,
        journal=process.journal,
    )
    process.loops[f"ingest-{source.name}"] = Ingest(parts).step


async def _add_judge(
    process: Process, redis: RedisConnection, publisher: KafkaPublisher, estimate: Estimate | None
) -> None:
    settings, limits = process.settings, process.settings.limits()
    clock, tasks, metrics, journal = process.clock, process.tasks, process.metrics, process.journal
    for model_name in models_of(settings.judge_specs()):
        check_provider(model_name)  # a misspelt one is told now, not at the first closing
    store, namespace = redis.handle(), settings.mlflow.namespace
    in_force = InForce(store, settings.terms(), metrics, journal)
    await when_there(process, "redis", in_force.tell)
    held = HeldClaims(store, clock, limits)
    rows = MlflowAssessments(access_of(settings))
    judges, model = (
        MlflowJudges(settings.judging.sessions_at_once, settings.judge_specs()),
        LitellmModel(settings.models.concurrency),
    )
    process.ending.add("mlflow", rows.close)
    process.ending.add("judges", lambda: asyncio.to_thread(judges.close))
    spending = spending_of(redis, settings)
    choke_point = ChokePoint(model, store, held, spending, clock, metrics, journal)
    parts = JudgeParts(
        sources=[source.name for source in settings.sources],
        store=store,
        held=held,
        scoring=Scoring(judges, choke_point, rows, limits, clock, tasks, metrics, journal),
        publishing=Publishing(namespace, publisher, clock, metrics, journal, settings.feed.user_ids),
        writing=Writing(namespace, rows, store, held, limits, metrics, journal),
        limits=limits,
        in_force=in_force,
        translate=translated,
        capacity=settings.judging.sessions_at_once,
        clock=clock,
        tasks=tasks,
        metrics=metrics,
        journal=journal,
        caps=settings.turns.caps(),
        session_keys={source.name: source.session_keys for source in settings.sources},
    )
    judge = Judge(parts) if estimate is None else DryRun(parts, judges, model, estimate)
    process.held = held
    process.judging = Judging(in_force, judges)
    process.loops |= {"judge": judge.step, "renewal": held.step, "configuration": in_force.step}
    process.asks["mlflow"] = rows.ready


def access_of(settings: Settings) -> MlflowAccess:
    mlflow = settings.mlflow
    return MlflowAccess(
        url=mlflow.tracking_uri,
        token=mlflow.token.get_secret_value() if mlflow.token else None,
        username=mlflow.user,
        password=mlflow.password.get_secret_value() if mlflow.password else None,
        ca_file=mlflow.ca_file,
        workspace=mlflow.workspace,
    )
