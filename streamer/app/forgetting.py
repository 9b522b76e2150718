"""`streamer forget`: what is known of somebody, and its erasure.

Rule: looking changes nothing. Erasing is repeatable from the start, whatever it was cut off at.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from streamer.adapters.kafka import lag as kafka_lag
from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.episodes import RedisEpisodes
from streamer.adapters.redis_sessions.reader import Kept, RedisReader
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.app.looking import keys_of, now_of, session_keys
from streamer.core.dead_letters import SUFFIX
from streamer.core.session import SessionRef
from streamer.errors import StreamerError, TransientError
from streamer.loops.forgetting import Contents, contents, erase
from streamer.loops.striking import strike
from streamer.settings import Settings

LOOK_S = 0.5


class Held(NamedTuple):
    """A session of somebody's, before anything is done."""

    contents: Contents
    kept: Kept


class Erased(NamedTuple):
    key: str
    at_rest: bool
    """Its rows are gone from MLflow, as far as anybody can know."""
    says: str
    tombstones: int
    """Keys of the feed that were buried."""


class Unreached(NamedTuple):
    """Where what was said still stands, and what ends that. `keeps_ms`: -1 for ever, None where nobody says."""

    where: str
    keeps_ms: int | None
    remedy: str


async def of_session(redis: RedisConnection, settings: Settings, ref: SessionRef) -> list[Held]:
    for key in keys_of(ref):
        if (held := await _held(redis, settings, key)) is not None:
            return [held]
    return []


async def of_user(
    redis: RedisConnection, settings: Settings, tenant: str, user: str, on_session: Callable[[], None]
) -> list[Held]:
    """Every session of the tenant in which a turn names the user; all that are remembered are looked at."""
    found = []
    async for key, _ in RedisReader(redis.shared).keys():
        on_session()
        held = await contents(redis.handle(), key, session_keys(settings))
        if held is not None and held.session.scope.tenant == tenant and user in held.users:
            kept = await RedisReader(redis.shared).kept(key, await now_of(redis, settings))
            found += [Held(held, kept)] if kept is not None else []
    return found


async def forget(redis: RedisConnection, settings: Settings, sessions: list[Held], wait_s: float) -> list[Erased]:
    """Erase all, wait until their rows are taken back, and bury what the feed said of them."""
    buried = {held.contents.session.key: held.contents.tombstones for held in sessions}
    for key in buried:
        gone = await erase(redis.handle(), key, session_keys(settings))
        if gone is not None:
            buried[key] = gone.tombstones
    refs = (held.contents.session for held in sessions)
    whose = {ref.key: (ref.scope.tenant, ref.session_id) for ref in refs}
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    done: list[Erased] = []
    async with _publisher(settings) as publisher:
        for key, stones in buried.items():
            kept = await until_rest(redis, settings, key, until - loop.time())
            at_rest = kept is None or kept.line.state == "rest"
            if at_rest:
                await publisher.bury(stones)
                await strike(RedisSeries(redis.shared), RedisEpisodes(redis.shared), *whose[key])
            done.append(Erased(key, at_rest, kept.line.says if kept else "gone", len(stones) if at_rest else 0))
    return done


def unreached(settings: Settings) -> list[Unreached]:
    """What no command of streamer's can take back."""
    sources = sorted({topic for source in settings.sources for topic in source.topics})
    said = dict.fromkeys(sources, "its spans, until retention.ms")
    said |= {f"{topic}{SUFFIX}": "what could not be read, until retention.ms" for topic in sources}
    said[settings.feed.topic] = "earlier verdicts and why, until retention.ms; readers are told by the tombstones"
    keeps = _retention(settings, said)
    return [
        *(Unreached(f"Kafka topic {topic}", keeps[topic], said[topic]) for topic in said if topic in keeps),
        Unreached("alerts", None, "quotes in what channels were told, or are owed: delete them there"),
        Unreached("MLflow", None, "the traces themselves: delete them there (MlflowClient.delete_traces)"),
        Unreached("Redis' disk and backups", None, "until the append-only file is rewritten (BGREWRITEAOF)"),
        Unreached("the model's provider", None, "what it was asked: by its own terms"),
    ]


def _retention(settings: Settings, topics: Iterable[str]) -> dict[str, int | None]:
    """Of the topics that exist; of all, without a time, where Kafka does not answer."""
    connection, unknown = settings.kafka.connection(), dict[str, int | None].fromkeys(topics)
    try:
        there = kafka_reader.topics(connection)
        known = kafka_lag.retention_ms(connection, [topic for topic in unknown if topic in there])
    except StreamerError:
        return unknown
    return {topic: known.get(topic) for topic in unknown if topic in there or topic.startswith("^")}


async def _held(redis: RedisConnection, settings: Settings, key: str) -> Held | None:
    found = await contents(redis.handle(), key, session_keys(settings))
    kept = await RedisReader(redis.shared).kept(key, await now_of(redis, settings)) if found is not None else None
    return Held(found, kept) if found is not None and kept is not None else None


async def until_rest(redis: RedisConnection, settings: Settings, key: str, wait_s: float) -> Kept | None:
    """When a judge worker has taken the rows back, or how it stood when there was no more time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        kept = await RedisReader(redis.shared).kept(key, await now_of(redis, settings))
        if kept is None or kept.line.state == "rest" or loop.time() > until:
            return kept
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _publisher(settings: Settings) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(settings.kafka.connection(), settings.feed.topic)
    try:
        yield publisher
    except TransientError as error:
        raise TransientError(f"{error}; what was said is erased, the feed was not told of all: run it again") from error
    finally:
        await publisher.close()
