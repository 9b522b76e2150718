"""`streamer rebuild`: Redis was lost; what it held is made again from Kafka and from the rows in MLflow.

Rule: no worker runs meanwhile. One that is there is named and the rebuild refuses; one that starts refuses in its turn,
until the rebuild has ended. Every step may be repeated: after Ctrl-C, or a service that was down, it goes on.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamer.adapters.kafka import reader
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_translation import translated
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions.rebuild import RebuildStore
from streamer.app.building import access_of, open_for
from streamer.app.people import now_ms
from streamer.app.rereading import Plan, Stretch, Tell, batches, planned
from streamer.core.ids import BUCKETS
from streamer.core.pressure import FULL_SHARE
from streamer.core.reading import Start
from streamer.core.rebuild import Fate, Place
from streamer.core.wire.cut import Cutter
from streamer.core.words import counted, lasting
from streamer.errors import ConfigurationError, Reconnected, StreamerError, TransientError
from streamer.loops.in_force import TELL_MS
from streamer.loops.rebuild import Rebuild
from streamer.loops.saving import Batch, Saving
from streamer.ports import TopicPartition
from streamer.settings import Settings

LISTEN_MS = TELL_MS + 2_000
AT_ONCE = 16
"""Sessions looked up in MLflow at the same time."""
TRIES_MAX, RETRY_S = 5, 2.0
"""A service that hiccups does not end a rebuild of hours; one that is down does, and it goes on where it was."""


@dataclass(slots=True)
class Report:
    records: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)


async def rebuild(settings: Settings, start: Start, said: str, tell: Tell, *, discard: bool = False) -> Report:
    """`said`: how the start was asked for; an unfinished rebuild that was asked the same way goes on where it was.
    `discard`: what Redis still holds under the key prefix goes first. Raises ConfigurationError while workers run, or
    when Redis holds sessions."""
    if discard:
        await _discard(settings, tell)
    async with _store(settings) as store:
        await _begin(settings, store, said, tell)
        report, plan = Report(), planned(settings, start)
        try:
            horizons = await _read(settings, store, plan, report, tell)
        except Reconnected as error:
            await store.begin(said)  # what is noted as read may be lost
            raise TransientError("the Redis primary was replaced: run it again, it begins anew") from error
        await _restore(settings, store, horizons, report, tell)
        await store.probe()  # StateLost if Redis was emptied meanwhile
        await _hand_over(settings, store, plan)
    return report


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[RebuildStore]:
    redis = await open_for(settings)
    try:
        yield redis.rebuild_handle()
    finally:
        await redis.close()


async def _discard(settings: Settings, tell: Tell) -> None:
    redis = await open_for(settings)
    try:
        await _alone(settings, redis.rebuild_handle(), tell)
        await redis.purge()
    finally:
        await redis.close()


async def _begin(settings: Settings, store: RebuildStore, said: str, tell: Tell) -> None:
    unfinished = await store.begun()
    if unfinished is None and (known := await store.count()):
        raise ConfigurationError(
            f"Redis holds {counted(known, 'session')}: it was not lost, or workers have written into it since. With "
            "--discard they are thrown away first"
        )
    if unfinished is None or unfinished.start != said:
        await store.begin(said)
    try:
        await _alone(settings, store, tell)
    except StreamerError:
        if unfinished is None:
            await store.finish(None)
        raise


async def _alone(settings: Settings, store: RebuildStore, tell: Tell) -> None:
    """Readers are members of the group; a judge is heard every 10 s, also in a Redis that was emptied under it."""
    group = settings.kafka.group
    if readers := reader.members(settings.kafka.connection(), group):
        raise ConfigurationError(
            f"{counted(readers, 'worker')} of group {group} still reads: stop every streamer process of this "
            "deployment, then run it again (one that was killed leaves the group after 10 s)"
        )
    heard_ms, until_ms = await store.heard_ms(), await store.time_ms() + LISTEN_MS
    while (left_ms := until_ms - await store.time_ms()) > 0:
        tell(f"is a judge still running? listening for {lasting(LISTEN_MS)}", LISTEN_MS - left_ms, LISTEN_MS)
        await asyncio.sleep(min(left_ms, 500) / 1000)
        if await store.heard_ms() > heard_ms:
            raise ConfigurationError("a judge is still running: stop every streamer process, then run it again")


# ---------------------------------------------------------------- Kafka


async def _read(settings: Settings, store: RebuildStore, plan: Plan, report: Report, tell: Tell) -> Mapping[str, int]:
    """Everything of the plan into Redis; by source, since when everything was read."""
    unfinished = await store.begun()
    notes = unfinished.notes if unfinished else {}
    horizons: dict[str, int] = {}
    for stretch in plan.stretches:
        places = {p: _place(stretch, p, notes, plan.asked_at_ms) for p in stretch.spans}
        await _read_one(settings, store, stretch, places, report, tell)
        since_ms = max((place.since_ms for place in places.values()), default=-1)
        horizons[stretch.source.name] = max(since_ms, horizons.get(stretch.source.name, -1))
    return horizons


def _place(stretch: Stretch, partition: int, notes: Mapping[str, str], asked_at_ms: int) -> Place:
    """Where reading begins, or goes on. Of a partition that held more, nothing is known before its first record."""
    noted = notes.get(_name(stretch, partition))
    span = stretch.spans[partition]
    return Place.from_text(noted) if noted else Place(span.first, asked_at_ms if span.first > 0 else -1)


async def _read_one(
    settings: Settings,
    store: RebuildStore,
    stretch: Stretch,
    places: dict[int, Place],
    report: Report,
    tell: Tell,
) -> None:
    cutter = Cutter(stretch.source.cut_rules())
    saving = Saving(stretch.source.name, store, PrometheusMetrics())
    left = sum(max(0, span.end - places[p].next) for p, span in stretch.spans.items())
    done = stretch.records - left
    for records in batches(settings, stretch, {p: place.next for p, place in places.items()}):
        batch, at_ms = Batch(stretch.source.name), now_ms()
        for record in records:
            batch.add(cutter.cut(record), min(record.timestamp_ms, at_ms))
            since_ms = places[record.partition].since_ms
            earliest_ms = min(since_ms, record.timestamp_ms) if since_ms >= 0 else -1
            places[record.partition] = Place(record.offset + 1, earliest_ms)
        await saving.save(batch)
        await store.note({_name(stretch, p): str(place) for p, place in places.items()})
        report.records += len(records)
        done += len(records)
        tell(f"reading {stretch.topic}", done, stretch.records)
        if (share := await store.memory_share()) > FULL_SHARE:
            raise StreamerError(
                f"Redis is {share:.0%} full after {done:,} of {stretch.records:,} records of {stretch.topic}: raise "
                "its maxmemory, then run it again to go on"
            )


def _name(stretch: Stretch, partition: int) -> str:
    return f"{stretch.source.name}|{stretch.topic}/{partition}"


# ---------------------------------------------------------------- sessions


async def _restore(
    settings: Settings, store: RebuildStore, horizons: Mapping[str, int], report: Report, tell: Tell
) -> None:
    mlflow = MlflowAssessments(access_of(settings))
    work = Rebuild(
        namespace=settings.mlflow.namespace,
        store=store,
        traces=mlflow,
        specs=settings.judge_specs(),
        rules=settings.core_rules(),
        horizon_ms=horizons,
        session_keys={source.name: source.session_keys for source in settings.sources},
        caps=settings.turns.caps(),
        translate=translated,
    )
    total, done, room = await store.count(), 0, asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> None:
        nonlocal done
        async with room:
            fate = await _insistent(work, key)
        if fate is not None:
            report.fates[fate] += 1
        done += 1
        tell("asking MLflow what it knows of each session", done, total)

    try:
        for bucket in range(BUCKETS):
            async with asyncio.TaskGroup() as group:
                for key in await store.known(bucket):
                    group.create_task(one(key))
    except BaseExceptionGroup as group_of:
        raise group_of.exceptions[0] from None
    finally:
        await mlflow.close()


async def _insistent(work: Rebuild, key: str) -> Fate | None:
    for left in reversed(range(TRIES_MAX)):
        try:
            return await work.session(key)
        except TransientError as error:
            if not left:
                raise TransientError(f"{error}; run it again to go on") from error
            await asyncio.sleep(RETRY_S)
    return None


async def _hand_over(settings: Settings, store: RebuildStore, plan: Plan) -> None:
    """Readers go on at their group's offsets, or, if it has none, at the progress that is told here. What had fallen
    quiet before is no news to the feed."""
    for source in settings.sources:
        mine = [stretch for stretch in plan.stretches if stretch.source.name == source.name]
        partitions = sorted(TopicPartition(stretch.topic, p) for stretch in mine for p in stretch.spans)
        await store.add_partitions(source.name, partitions)
        await store.publish_progress(source.name, dict.fromkeys(partitions, plan.asked_at_ms))
    gap_ms_max = max(rule.idle_gap_ms for rule in settings.core_rules())
    await store.finish(plan.asked_at_ms - gap_ms_max)
