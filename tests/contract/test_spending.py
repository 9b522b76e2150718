"""Spending, on the fake and on a real Redis."""

from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from streamer.adapters.redis_sessions.access import connect
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.ports import Spending
from tests.fakes.spending import FakeSpending
from tests.services.redis import RedisServer

NOON_MS = 1_700_000_000_000
LATER_MS = NOON_MS + 60_000
prefixes = (f"money{n}" for n in count())


class Hands:
    now = NOON_MS

    def read(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture(params=["fake", "redis"])
async def spending(
    request: pytest.FixtureRequest, redis_server: RedisServer, clock: Hands
) -> AsyncIterator[Callable[[float | None, int | None], Spending]]:
    primary = await connect(redis_server.url)

    def limited(usd_max: float | None, tokens_max: int | None) -> Spending:
        if request.param == "fake":
            return FakeSpending(clock.read, usd_max=usd_max, tokens_max=tokens_max)
        prefix = next(prefixes)
        return RedisSpending(primary, usd_max=usd_max, tokens_max=tokens_max, prefix=prefix, now_ms=clock.read)

    yield limited
    await primary.close()


Limited = Callable[[float | None, int | None], Spending]


async def test_reservations_count_until_they_are_settled_at_the_true_price(spending: Limited) -> None:
    money = spending(1.0, None)
    assert await money.reserve("a", 0.6, 0, LATER_MS)
    assert not await money.reserve("b", 0.6, 0, LATER_MS)
    await money.settle("a", 0.1, 10)
    assert await money.reserve("b", 0.9, 0, LATER_MS)
    assert not await money.reserve("c", 0.000_001, 0, LATER_MS)


async def test_a_reservation_that_is_never_settled_counts_as_spent(spending: Limited, clock: Hands) -> None:
    money = spending(1.0, None)
    assert await money.reserve("a", 0.6, 0, NOON_MS + 10)
    clock.now += 20
    assert not await money.reserve("b", 0.6, 0, LATER_MS)
    await money.settle("a", 0.0, 0)
    assert not await money.reserve("b", 0.6, 0, LATER_MS)


async def test_a_repeated_reservation_or_settlement_counts_once(spending: Limited) -> None:
    money = spending(1.0, None)
    assert await money.reserve("a", 0.6, 0, LATER_MS)
    assert await money.reserve("a", 0.6, 0, LATER_MS)
    await money.settle("a", 0.5, 0)
    await money.settle("a", 0.5, 0)
    assert await money.reserve("b", 0.5, 0, LATER_MS)


async def test_tokens_have_a_limit_of_their_own(spending: Limited) -> None:
    money = spending(None, 100)
    assert await money.reserve("a", 50.0, 60, LATER_MS)
    assert not await money.reserve("b", 0.0, 60, LATER_MS)
