"""What a worker says of its fuses, on the fake and on Redis."""

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.ports import SessionStore
from tests.contract.brokers import unique
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.services.redis import RedisServer

LIMITS = Limits(gap_ms_min=1_000)


async def check(one: SessionStore, other: SessionStore) -> None:
    assert await other.blown("s", ["a", "b"]) == set()
    await one.tell_blown("s", ["a"])
    await one.tell_blown("s", ["a"])
    assert await other.blown("s", ["a", "b"]) == {"a"}
    assert await other.blown("t", ["a"]) == set()
    assert await other.blown("s", []) == set()


async def test_what_one_worker_says_another_hears() -> None:
    now = 0
    fake = FakeRedis(lambda: now, LIMITS)
    await check(FakeSessionStore(fake), FakeSessionStore(fake))
    now = 60_000
    assert await FakeSessionStore(fake).blown("s", ["a"]) == set()


@pytest.mark.real
async def test_redis_keeps_it_for_a_minute(redis_server: RedisServer) -> None:
    prefix = f"blown-{unique()}"
    redis = await open_redis(redis_server.url, LIMITS, turn_codec, prefix=prefix)
    try:
        await check(redis.handle(), redis.handle())
        with redis_server.client() as client:
            assert 50_000 < client.pttl(f"{prefix}:{{s}}:blown:a") <= 60_000
    finally:
        await redis.close()
