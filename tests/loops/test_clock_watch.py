"""A worker whose clock is off Redis' says so and stops."""

import pytest

from streamer.core.lifecycle import Limits
from streamer.errors import ConfigurationError, TransientError
from streamer.loops.clock_watch import ClockWatch
from tests.fakes.measures import SilentMetrics
from tests.fakes.session_store import FakeRedis, FakeSessionStore

REDIS_MS = 1_700_000_000_000


class HandClock:
    def __init__(self, now_ms: int, *later_ms: int) -> None:
        self._times = [now_ms, *later_ms]

    def now_ms(self) -> int:
        return self._times.pop(0) if len(self._times) > 1 else self._times[0]

    async def sleep_ms(self, ms: int) -> None: ...


def watch(*times_ms: int) -> ClockWatch:
    store = FakeSessionStore(FakeRedis(lambda: REDIS_MS, Limits()))
    return ClockWatch(store, HandClock(*times_ms), SilentMetrics())


@pytest.mark.parametrize("off_ms", [-2_000, 0, 2_000])
async def test_two_seconds_are_borne(off_ms: int) -> None:
    await watch(REDIS_MS + off_ms).check()


@pytest.mark.parametrize(("off_ms", "words"), [(-2_001, r"2\.0 s behind"), (3_600_000, r"3600\.0 s ahead of")])
async def test_more_is_a_sentence_with_the_remedy_at_the_start_and_later(off_ms: int, words: str) -> None:
    for ask in (watch(REDIS_MS + off_ms).check, watch(REDIS_MS + off_ms).step):
        with pytest.raises(ConfigurationError, match=f"clock is {words} that of Redis.*NTP"):
            await ask()


async def test_a_slow_answer_proves_nothing_against_the_clock() -> None:
    await watch(REDIS_MS - 60_000, REDIS_MS + 60_000).check()


async def test_a_redis_that_is_down_says_nothing_of_the_clock() -> None:
    class Down(FakeSessionStore):
        async def time_ms(self) -> int:
            raise TransientError("down")

    down = Down(FakeRedis(lambda: REDIS_MS, Limits()))
    assert await ClockWatch(down, HandClock(0), SilentMetrics()).step() > 0
