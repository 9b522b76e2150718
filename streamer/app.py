"""The composition root: builds adapters, introduces them to loops, and ends in order.

Rule: the only file that sees both sides. Nothing is decided here but who meets whom and what stops first.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.litellm_model import LitellmModel
from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions import RedisConnection, RedisSessionStore, open_redis
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.model import canonical
from streamer.core.wire.cut import Cutter
from streamer.errors import TransientError
from streamer.loops import run as loops_run
from streamer.loops.audit import Audit
from streamer.loops.choke_point import ChokePoint
from streamer.loops.dry_run import DryRun, Estimate
from streamer.loops.held import HeldClaims
from streamer.loops.ingest import Ingest, IngestParts
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.probe import Probe
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.writing import Writing
from streamer.settings import Settings, Source
from streamer.web import health as health_page
from streamer.web.state import Health, Service

T = TypeVar("T")
Role = Literal["ingest", "judge", "audit"]
DRAIN_MS = 20_000
"""Kubernetes kills 30 s after SIGTERM; what is not done by then is left to the lease."""
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
    stack: AsyncExitStack
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    loops: dict[str, Callable[[], Awaitable[int]]] = field(default_factory=dict)
    asks: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    judge: Judge | None = None
    held: HeldClaims | None = None


def run(settings: Settings, roles: frozenset[Role], *, dry_run: bool = False, for_ms: int | None = None) -> int:
    """Run the roles until SIGTERM or SIGINT, or for `for_ms`; returns the exit code."""
    estimate = Estimate() if dry_run else None
    asyncio.run(_main(settings, roles, estimate, for_ms))
    if estimate is not None:
        print(estimate)  # noqa: T201 – the result of a dry run
    return 0


async def _main(settings: Settings, roles: frozenset[Role], estimate: Estimate | None, for_ms: int | None) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        process = Process(
            settings=settings,
            clock=clock,
            metrics=PrometheusMetrics(),
            journal=JsonJournal(clock, settings.log.level, settings.log.format),
            tasks=AsyncioTasks(),
            health=Health(clock, [], ["kafka", "redis", "mlflow"]),
            stack=stack,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, process.stopping.set)
        try:
            await _start(process, roles, estimate)
            await _until_stopped(process, for_ms)
        except asyncio.CancelledError:
            if process.tasks.failure is None:
                raise
        if process.tasks.failure is not None:
            raise process.tasks.failure


async def _start(process: Process, roles: frozenset[Role], estimate: Estimate | None) -> None:
    http = process.settings.http
    if http.port:
        page = health_page.serve(http.host, http.port, process.health, process.metrics.registry)
        process.tasks.start(page)
    redis = await _when_there(process, "redis", lambda: _redis(process))
    process.stack.push_async_callback(redis.close)
    publisher = KafkaPublisher(process.settings.kafka.connection(), process.settings.feed.topic)
    process.stack.push_async_callback(publisher.close)
    probing = redis.handle()
    process.asks |= {"redis": probing.probe, "kafka": publisher.ready}
    if "ingest" in roles:
        for source in process.settings.sources:
            _add_ingest(process, redis, publisher, source)
    if "judge" in roles:
        await _add_judge(process, redis, publisher, estimate)
    if "audit" in roles:
        process.loops["audit"] = Audit(redis.handle(), process.metrics, process.journal).step

    def on_change(service: str, reason: str | None) -> None:
        known = cast(Service, service)
        process.health.down(known, reason) if reason else process.health.up(known)

    process.loops["probe"] = Probe(process.asks, on_change, process.metrics, process.journal).step
    process.journal.say("info", "started", roles=sorted(roles))


async def _redis(process: Process) -> RedisConnection:
    settings = process.settings
    return await open_redis(
        settings.redis.url.get_secret_value(),
        settings.limits(),
        turn_codec,
        prefix=settings.redis.key_prefix,
    )


async def _when_there(process: Process, service: Service, make: Callable[[], Awaitable[T]]) -> T:
    """A service that is down at the start is waited for, in sight."""
    said = False
    while True:
        try:
            made = await make()
        except TransientError as error:
            if not said:
                process.journal.say("warning", "service_down", service=service, cause=str(error))
            said = True
            process.health.down(service, type(error).__name__)
            await _sleep(process, RETRY_MS)
            if process.stopping.is_set():
                raise asyncio.CancelledError from error
        else:
            process.health.up(service)
            return made


async def _sleep(process: Process, ms: int) -> None:
    """Ends early when the process is told to stop."""
    try:
        async with asyncio.timeout(ms / 1000):
            await process.stopping.wait()
    except TimeoutError:
        return


def _add_ingest(process: Process, redis: RedisConnection, publisher: KafkaPublisher, source: Source) -> None:
    kafka = process.settings.kafka
    reader = KafkaSource(
        SourceSettings(
            connection=kafka.connection(),
            group=kafka.group,
            topics=source.topics,
            start=source.start,
            gap=source.offset_gap,
        )
    )
    process.stack.push_async_callback(reader.close)
    parts = IngestParts(
        name=source.name,
        source=reader,
        store=redis.handle(),
        dead_letters=publisher,
        cutter=Cutter(source.cut_rules()),
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
    store, namespace = redis.handle(), settings.mlflow.namespace
    generation = await _when_there(process, "redis", lambda: _generation(store, settings))
    held = HeldClaims(store, clock, limits)
    rows = MlflowAssessments(_access(settings))
    judges, model = (
        MlflowJudges(settings.judging.sessions_at_once, settings.judge_specs()),
        LitellmModel(settings.models.concurrency),
    )
    process.stack.push_async_callback(rows.close)
    process.stack.callback(judges.close)
    spending = RedisSpending(
        redis.shared.primary,
        usd_max=settings.spending.usd_per_day,
        tokens_max=settings.spending.tokens_per_day,
        prefix=settings.redis.key_prefix,
    )
    choke_point = ChokePoint(model, store, held, spending, clock, metrics, journal)
    parts = JudgeParts(
        sources=[source.name for source in settings.sources],
        store=store,
        held=held,
        scoring=Scoring(judges, choke_point, rows, limits, clock, tasks, metrics, journal),
        publishing=Publishing(namespace, publisher, clock, metrics, journal),
        writing=Writing(namespace, rows, store, held, limits, metrics, journal),
        specs=settings.judge_specs(),
        rules=settings.core_rules(),
        limits=limits,
        generation=generation,
        capacity=settings.judging.sessions_at_once,
        clock=clock,
        tasks=tasks,
        metrics=metrics,
        journal=journal,
    )
    process.judge = Judge(parts) if estimate is None else DryRun(parts, judges, model, estimate)
    process.held = held
    process.loops |= {"judge": process.judge.step, "renewal": held.step}
    process.asks["mlflow"] = rows.ready


def _access(settings: Settings) -> MlflowAccess:
    mlflow = settings.mlflow
    return MlflowAccess(
        url=mlflow.tracking_uri,
        token=mlflow.token.get_secret_value() if mlflow.token else None,
        username=mlflow.user,
        password=mlflow.password.get_secret_value() if mlflow.password else None,
        ca_file=mlflow.ca_file,
        workspace=mlflow.workspace,
    )


async def _generation(store: RedisSessionStore, settings: Settings) -> int:
    """The number of this configuration: the one in force if it says the same, else the next."""
    specs, rules = settings.judge_specs(), settings.core_rules()
    content = canonical([[spec.name, spec.version] for spec in specs] + [repr(rule) for rule in rules]).encode()
    number, in_force = await store.configuration()
    if in_force == content:
        return number
    await store.set_generation(number + 1, content)
    return number + 1


async def _until_stopped(process: Process, for_ms: int | None) -> None:
    """Run every loop; then stop reading and claiming, finish what was begun, stop renewing, and close."""
    draining = asyncio.Event()
    first = {name: step for name, step in process.loops.items() if name not in ("renewal", "probe")}
    last = {name: step for name, step in process.loops.items() if name not in first}
    running = [_loop(process, name, step, process.stopping) for name, step in first.items()]
    helping = [_loop(process, name, step, draining) for name, step in last.items()]
    async with asyncio.TaskGroup() as group:
        for work in (*running, *helping):
            group.create_task(work)
        if for_ms is not None:
            await _sleep(process, for_ms)
            process.stopping.set()
        await process.stopping.wait()
        process.journal.say("info", "stopping")
        if process.judge is not None:
            process.judge.stopping = True
        await _drain(process)
        draining.set()
    process.journal.say("info", "stopped")


async def _drain(process: Process) -> None:
    if process.held is None:
        return
    until_ms = process.clock.now_ms() + DRAIN_MS
    while len(process.held) and process.clock.now_ms() < until_ms:
        await asyncio.sleep(0.05)


async def _loop(process: Process, name: str, step: Callable[[], Awaitable[int]], until: asyncio.Event) -> None:
    class StoppableClock(SystemClock):
        async def sleep_ms(self, ms: int) -> None:
            if ms:
                await _or_stop(until, ms)
            else:
                await asyncio.sleep(0)

    await loops_run.run(step, StoppableClock(), until.is_set, lambda: process.health.beat(name))


async def _or_stop(until: asyncio.Event, ms: int) -> None:
    try:
        async with asyncio.timeout(ms / 1000):
            await until.wait()
    except TimeoutError:
        return


__all__ = ["Role", "run"]
