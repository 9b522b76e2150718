"""What people ask of a deployment: sessions, counts, the feed. Nothing here changes anything; under a key prefix that
is new to Redis its layout is written down."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_translation import translated
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import access_of, open_for, spending_of
from streamer.app.looking import keys_of, load_of, owned
from streamer.app.outlook import NOTHING_READ as NOTHING_READ
from streamer.app.outlook import holding
from streamer.core.holding import HEARD_MS, hold_of
from streamer.core.pressure import FULL_SHARE, ahead
from streamer.core.preview import Preview, preview
from streamer.core.rules import Rule, rule_of
from streamer.core.session import SessionRef, SessionState
from streamer.core.watermark import watermark_of
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError
from streamer.ports import TopicPartition
from streamer.settings import Settings


@asynccontextmanager
async def redis_of(settings: Settings) -> AsyncIterator[RedisConnection]:
    redis = await open_for(settings)
    try:
        yield redis
    finally:
        await redis.close()


@asynccontextmanager
async def mlflow_of(settings: Settings) -> AsyncIterator[MlflowAssessments]:
    rows = MlflowAssessments(access_of(settings))
    try:
        yield rows
    finally:
        await rows.close()


def now_ms() -> int:
    return SystemClock().now_ms()


async def status(redis: RedisConnection, settings: Settings) -> dict[str, Any]:
    """By name: counts over all buckets, each source's watermark and what holds it back, the day's spending."""
    store = redis.handle()
    share, redis_ms = await store.memory_share(), await store.time_ms()
    said: dict[str, Any] = (await RedisReader(redis.shared).counts(redis_ms))._asdict()
    for source in settings.sources:
        progress, told = await store.progress(source.name), await store.told(source.name)
        mark = watermark_of(progress.values())
        said[f"watermark_age_ms.{source.name}"] = None if mark < 0 else redis_ms - mark
        held = holding(progress, hold_of(progress, told, redis_ms), redis_ms)
        said[f"held_back_by.{source.name}"], said[f"held_cause.{source.name}"] = held
        fresh = [p for p, one in told.items() if one.doing == "fuse" and redis_ms - one.at_ms <= HEARD_MS]
        blown = frozenset(p.topic for p in fresh)
        said[f"reading.{source.name}"] = _reading(share, progress, settings.limits().gap_ms_min, blown)
    said |= await load_of(redis, settings)
    spent = await spending_of(redis, settings).spent(now_ms())
    return {
        **said,
        "hash": await RedisReader(redis.shared).hash_in_force(),
        "spent_usd_today": spent.usd,
        "usd_per_day": settings.spending.usd_per_day,
        "spent_tokens_today": spent.tokens,
        "tokens_per_day": settings.spending.tokens_per_day,
    }


async def explained(
    redis: RedisConnection, settings: Settings, ref: SessionRef
) -> tuple[tuple[SessionRef, SessionState] | None, dict[str, Any]]:
    """A session with the turns that are its own, if it is known, and the state of the whole that may be why it is as it
    is."""
    store = redis.handle()
    said = await status(redis, settings)
    for key in keys_of(ref):
        if (found := await store.session(key)) is not None:
            return await owned(store, settings, *found), said
    return None, said


def rule_for(settings: Settings, ref: SessionRef, state: SessionState) -> Rule:
    """The rule that these settings give a session, by the turns that a claim has read."""
    return rule_of(settings.core_rules(), ref.scope.tenant, state.turns.values())


def cut_rules_of(settings: Settings | None, topic: str) -> CutRules:
    """Those of the source that reads the topic; the defaults where none does."""
    sources = settings.sources if settings else ()
    return next((source.cut_rules() for source in sources if source.reads(topic)), CutRules())


def record_in(file: Path) -> Record:
    """A record's value that somebody has kept in a file."""
    try:
        return Record(str(file), 0, 0, 0, file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"a record cannot be read from {file}: {error.strerror}") from None


def last_records(settings: Settings, topic: str, last: int) -> list[Record]:
    """The newest of a topic; without joining a group."""
    return list(islice(kafka_reader.read(settings.kafka.connection(), topic, last, False), last))


def previewed(records: Iterable[Record], rules: CutRules) -> Preview:
    """What would be stored of records, dialects without a file of their own included."""
    return preview(records, Cutter(rules), translated)


def _reading(share: float, progress: Mapping[TopicPartition, int], gap_ms: int, blown: frozenset[str]) -> str:
    """What is read now and, where that is not everything, why: as ingest decides it."""
    if blown:
        return f"not {', '.join(sorted(blown))}: hardly anything on it can be decoded (streamer dlq list)"
    if share > FULL_SHARE:
        return f"nothing, because Redis is {share:.0%} full"
    waiting = sorted(f"{p.topic}/{p.partition}" for p in ahead(share, progress, gap_ms))
    if not waiting:
        return "everything"
    return f"all but {', '.join(waiting)}: more than a quiet gap ahead while Redis is {share:.0%} full"


def feed_records(settings: Settings, last: int, follow: bool) -> Iterator[dict[str, Any]]:
    """Values of the feed, the last ones first; without joining a group."""
    for record in kafka_reader.read(settings.kafka.connection(), settings.feed.topic, last, follow):
        if record.value:
            yield json.loads(record.value)
