"""A cluster whose slots move, whose nodes go down, and one behind an address that does not say that it is one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import TypeVar

import pytest

from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.core import turn_codec
from streamer.core.ids import BUCKETS
from streamer.core.lifecycle import Limits
from streamer.core.session import SessionRef
from streamer.errors import ConfigurationError, Reconnected, TransientError
from streamer.ports import TopicPartition
from tests.contract.test_redis_trouble import ALL, AT_MS, SCOPE, fragment, save
from tests.services.redis_cluster import RedisCluster, at

T = TypeVar("T")
PREFIXES = (f"cluster{n}" for n in count())
SESSIONS = 64


@pytest.fixture
async def redis(redis_cluster: RedisCluster) -> AsyncIterator[RedisConnection]:
    """Under a prefix of its own."""
    made = await open_redis(redis_cluster.url, Limits(), turn_codec, prefix=next(PREFIXES))
    yield made
    await made.close()


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """To be broken: three primaries, the first of which has a replica."""
    cluster = RedisCluster(tmp_path_factory.mktemp("own-cluster"), replicas=1)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


async def in_the_end(call: Callable[[], Awaitable[T]], within_s: float = 30) -> tuple[T, list[TransientError]]:
    """What the call says once it does, and what was said against it until then."""
    refused: list[TransientError] = []
    async with asyncio.timeout(within_s):
        while True:
            try:
                return await call(), refused
            except TransientError as error:
                refused.append(error)
                await asyncio.sleep(0.05)


async def test_a_cluster_is_recognised_behind_the_address_of_a_node(redis_cluster: RedisCluster) -> None:
    address = f"redis://{at(redis_cluster.nodes[1])}"
    redis = await open_redis(f"{address}/0", Limits(), turn_codec, prefix=next(PREFIXES))
    await save(redis.handle(), *map(fragment, range(SESSIONS)))
    assert (await RedisReader(redis.shared).counts(AT_MS)).sessions == SESSIONS
    await redis.close()
    with pytest.raises(ConfigurationError, match="has none but 0"):
        await open_redis(f"{address}/3", Limits(), turn_codec)


async def test_one_server_is_no_cluster(redis_url: str) -> None:
    with pytest.raises(ConfigurationError, match="this Redis is no cluster"):
        await open_redis(redis_url.replace("redis://", "redis+cluster://"), Limits(), turn_codec)


async def test_what_stands_outside_the_buckets_works_too(redis: RedisConnection) -> None:
    store, partitions = redis.handle(), [TopicPartition("spans", n) for n in range(3)]
    await store.add_partitions(SCOPE.source, partitions)
    await store.publish_progress(SCOPE.source, dict.fromkeys(partitions, AT_MS))
    assert await store.progress(SCOPE.source) == dict.fromkeys(partitions, AT_MS)
    await store.tell_doing(SCOPE.source, {partitions[0]: "fuse"})
    assert {p: one.doing for p, one in (await store.told(SCOPE.source)).items()} == {partitions[0]: "fuse"}
    assert await store.put_in_force(b"judges") == 1
    await store.set_paused(True)
    assert (await store.claim(1, ALL, 1)).paused
    await store.probe()
    assert await store.memory_share() == 0
    assert abs(await store.time_ms() - await store.time_ms()) < 1_000
    spending = RedisSpending(redis.shared.primary, usd_max=1, tokens_max=None, prefix=redis.shared.prefix)
    assert await spending.reserve("call", 0.75, 1, await store.time_ms() + 60_000)
    assert not await spending.reserve("other", 0.5, 1, await store.time_ms() + 60_000)
    await save(store, *map(fragment, range(SESSIONS)))
    await redis.purge()
    assert (await RedisReader(redis.shared).counts(AT_MS)).sessions == 0


async def test_calls_spread_over_the_nodes(redis: RedisConnection, redis_cluster: RedisCluster) -> None:
    """No bucket is another's neighbour by chance: every node holds some."""
    homes = {redis_cluster.home_of(redis.shared.tag(bucket)) for bucket in range(BUCKETS)}
    assert homes == {0, 1, 2}
    assert len(await redis.shared.primary.nodes()) == 3


@pytest.mark.slow
async def test_a_slot_that_moves_costs_time_and_nothing_else(own_cluster: RedisCluster) -> None:
    redis = await open_redis(own_cluster.url, Limits(), turn_codec)
    store = redis.handle()
    await save(store, *map(fragment, range(SESSIONS)))
    ref = next(SessionRef(SCOPE, f"chat-{n}") for n in range(SESSIONS))
    tag = redis.shared.tag(ref.bucket)
    target = next(n for n in range(3) if n != own_cluster.home_of(tag))
    own_cluster.move_slot(tag, target, until="half")
    asked = asyncio.create_task(in_the_end(lambda: save(store, *map(fragment, range(SESSIONS, SESSIONS * 2)))))
    await asyncio.sleep(0.5)
    assert not asked.done(), "half of the slot's keys are elsewhere: something must have been refused"
    own_cluster.move_slot(tag, target, until="rest")
    _, refused = await asked
    assert {type(error) for error in refused} <= {TransientError, Reconnected}
    assert (await RedisReader(redis.shared).counts(AT_MS)).sessions == SESSIONS * 2
    claimed, _ = await in_the_end(lambda: store.claim(SESSIONS * 2, ALL, 1))
    assert len(claimed.claims) == SESSIONS * 2
    await redis.close()


@pytest.mark.slow
async def test_a_node_that_is_down_is_waited_for_and_heard_of(own_cluster: RedisCluster) -> None:
    redis = await open_redis(own_cluster.url, Limits(), turn_codec)
    ingest, judge = redis.handle(), redis.handle()
    await save(ingest, *map(fragment, range(SESSIONS)))
    (claim, *_) = (await judge.claim(5, ALL, 1)).claims
    own_cluster.nodes[2].kill()
    with pytest.raises(TransientError):
        await ingest.probe()
    own_cluster.nodes[2].start()
    own_cluster.settled()
    _, refused = await in_the_end(ingest.probe)
    assert any(isinstance(error, Reconnected) for error in refused)
    with pytest.raises(Reconnected):
        await judge.put_back(claim, 0)  # of whichever node: a fail-over gives up all claims
    assert (await RedisReader(redis.shared).counts(AT_MS)).sessions == SESSIONS
    await redis.close()


@pytest.mark.slow
async def test_a_replica_takes_over_and_has_what_it_confirmed(own_cluster: RedisCluster) -> None:
    redis = await open_redis(own_cluster.url, Limits(), turn_codec)
    store = redis.handle()
    await save(store, *map(fragment, range(SESSIONS)))
    claims = (await store.claim(SESSIONS, ALL, 1)).claims
    claim = next(c for c in claims if own_cluster.home_of(redis.shared.tag(c.bucket)) == 0)
    await store.begin_write(claim, [])
    own_cluster.nodes[0].kill()
    with own_cluster.nodes[3].client() as replica:
        replica.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")
    _, refused = await in_the_end(store.probe)
    assert isinstance(refused[-1], Reconnected)
    found, _ = await in_the_end(lambda: store.session(claim.session.key))
    assert found is not None
    assert found[0] == claim.session
    with own_cluster.nodes[3].client() as replica:
        assert replica.exists(f"{redis.shared.tag(claim.bucket)}s:{claim.session.key}:i")
    await redis.close()
