"""What a worker tells of its partitions, on the fake and on Redis."""

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.core import turn_codec
from streamer.core.holding import Told
from streamer.core.lifecycle import Limits
from streamer.ports import SessionStore, TopicPartition
from tests.contract.brokers import unique
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.services.redis import RedisServer

LIMITS = Limits(gap_ms_min=1_000)
NOW_MS = 1_700_000_000_000
A, B = TopicPartition("spans/odd", 0), TopicPartition("spans", 11)


async def check(one: SessionStore, other: SessionStore) -> None:
    assert await other.told("s") == {}
    await one.add_partitions("s", [A, B])
    await one.tell_doing("s", {A: "reads"})
    await one.tell_doing("s", {A: "aligned", B: "fuse"})
    assert await other.told("s") == {A: Told("aligned", NOW_MS), B: Told("fuse", NOW_MS)}
    assert await other.told("t") == {}
    await one.add_partitions("s", [B])
    assert await other.told("s") == {B: Told("fuse", NOW_MS)}


async def test_what_one_worker_says_another_hears() -> None:
    fake = FakeRedis(lambda: NOW_MS, LIMITS)
    await check(FakeSessionStore(fake), FakeSessionStore(fake))


@pytest.mark.real
async def test_redis_keeps_it_for_a_week(redis_server: RedisServer) -> None:
    prefix = f"told-{unique()}"
    redis = await open_redis(redis_server.url, LIMITS, turn_codec, prefix=prefix, now_ms=lambda: NOW_MS)
    try:
        await check(redis.handle(), redis.handle())
        with redis_server.client() as client:
            assert 600_000_000 < client.pttl(f"{prefix}:{{s}}:told") <= 604_800_000
    finally:
        await redis.close()
