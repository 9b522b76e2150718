"""A tenant whose sessions all fall due at once does not keep another's waiting."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.core import turn_codec
from streamer.core.ids import Scope
from streamer.core.lifecycle import Limits
from streamer.core.session import SessionRef, Wake
from streamer.ports import SessionStore
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.services.redis import RedisServer

LIMITS = Limits(gap_ms_min=1_000)
BURST, AT_ONCE = 10_000, 16
START_MS, LATER_MS = 1_700_000_000_000, 1_700_000_100_000
prefixes = count()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    if request.param == "fake":
        yield FakeSessionStore(FakeRedis(lambda: LATER_MS, LIMITS))
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    prefix = f"fair{next(prefixes)}"
    redis = await open_redis(server.url, LIMITS, turn_codec, prefix=prefix, now_ms=lambda: LATER_MS)
    yield redis.handle()
    await redis.purge()
    await redis.close()


async def test_one_session_of_a_small_tenant_is_among_the_first_of_ten_thousand(
    store: SessionStore,
) -> None:
    def wake(tenant: str, n: int, at_ms: int) -> Wake:
        return Wake(SessionRef(Scope("spans", tenant), f"{tenant}-{n}"), f"{n:032x}", 1, at_ms)

    await store.wake([wake("busy", n, START_MS) for n in range(BURST)])
    # It falls due last of all, and in one bucket of sixteen: whoever goes by age alone comes to it after the others.
    await store.wake([wake("small", BURST, START_MS + 50_000)])

    claimed: list[str] = []
    for _ in range(16):
        reply = await store.claim(AT_ONCE, {"spans": LATER_MS}, 1)
        claimed += [claim.session.scope.tenant for claim in reply.claims]
        if "small" in claimed:
            break

    assert "small" in claimed, f"not among the first {len(claimed)} of {BURST + 1}"
