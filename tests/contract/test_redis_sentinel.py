"""The primary is whichever the Sentinels name; a promoted replica is heard of, whatever it had missed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.adapters.redis_sessions import RedisAccess, RedisSessionStore, open_redis
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.core.session import SessionRef
from streamer.errors import ConfigurationError, Reconnected, TransientError
from tests.contract.test_redis_cluster import in_the_end
from tests.contract.test_redis_trouble import SCOPE, fragment, save
from tests.services.process import free_port
from tests.services.redis_sentinel import SERVICE, Watched

SECRET = "geheim-8c1f"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path, sentinel_password=SECRET)
    try:
        yield made.start()
    finally:
        made.stop()


ACCESS = RedisAccess(sentinel_password=SECRET)


async def has(store: RedisSessionStore, n: int) -> bool:
    return await store.session(SessionRef(SCOPE, f"chat-{n}").key) is not None


async def test_a_primary_is_found_and_what_cannot_be_found_is_a_sentence(watched: Watched) -> None:
    silent = f"127.0.0.1:{free_port()}"
    redis = await open_redis(watched.url.replace("//", f"//{silent},"), Limits(), turn_codec, access=ACCESS)
    await save(redis.handle(), fragment(1))
    await redis.handle().probe()
    await redis.close()
    for access in (RedisAccess(), RedisAccess(sentinel_user="nobody", sentinel_password=SECRET)):
        with pytest.raises(ConfigurationError, match="sentinel_password") as error:
            await open_redis(watched.url, Limits(), turn_codec, access=access)
        assert SECRET not in str(error.value)
    with pytest.raises(ConfigurationError, match="know no service other"):
        await open_redis(watched.url.replace(SERVICE, "other"), Limits(), turn_codec, access=ACCESS)
    with pytest.raises(TransientError, match="no Redis Sentinel answers"):
        await open_redis(f"redis+sentinel://{silent}/{SERVICE}", Limits(), turn_codec, access=ACCESS)


@pytest.mark.slow
async def test_a_promoted_replica_is_followed_and_heard_of(watched: Watched) -> None:
    redis = await open_redis(watched.url, Limits(), turn_codec, access=ACCESS)
    store = redis.handle()
    await save(store, fragment(1))
    watched.cut_link()
    await save(store, fragment(2))
    watched.primary.kill()
    watched.promoted()
    _, refused = await in_the_end(store.probe)
    assert sum(isinstance(error, Reconnected) for error in refused) == 1
    assert (await has(store, 1), await has(store, 2)) == (True, False)
    await redis.close()


@pytest.mark.slow
async def test_a_primary_that_the_others_have_left_behind_is_left(watched: Watched) -> None:
    """It goes on answering us; the Sentinel has promoted another one meanwhile."""
    redis = await open_redis(watched.url, Limits(), turn_codec, access=ACCESS)
    store = redis.handle()
    await save(store, fragment(1))
    watched.change_over()
    watched.promoted()
    heard: list[TransientError] = []
    async with asyncio.timeout(20):
        while not any(isinstance(error, Reconnected) for error in heard):
            heard += (await in_the_end(store.probe))[1]
            await asyncio.sleep(0.1)
    await save(store, fragment(2))
    with watched.replica.client() as client:
        assert [name for name in client.scan_iter("*:t:*") if name.endswith(b"2")]
    await redis.close()
