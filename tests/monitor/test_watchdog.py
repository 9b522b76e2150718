"""A process that is alive proves nothing: lag that stands ends the monitor, waiting does not."""

import pytest

from streamer.errors import Stuck, TransientError
from streamer.monitor.watchdog import STUCK_MS, Watchdog
from tests.fakes.measures import SilentMetrics

START_MS = 1_800_000_000_000


class Clock:
    now = START_MS

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms


class Reader:
    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.crash: BaseException | None = None
        self.is_folding, self.folded = False, 0
        self.partitions = frozenset({0})


class World:
    def __init__(self) -> None:
        self.clock, self.reader = Clock(), Reader()
        self.lag, self.late_ms, self.down, self.current = 5, 0, False, 0
        self.watchdog = Watchdog(
            self.reader, self._lag, lambda: self.late_ms, self._tell_current, self.clock, SilentMetrics()
        )

    async def _lag(self, partitions: frozenset[int]) -> int:
        if self.down:
            raise TransientError("Kafka does not answer")
        return self.lag

    async def _tell_current(self) -> None:
        self.current += 1

    async def run(self, ms: int) -> None:
        until = self.clock.now + ms
        while self.clock.now < until:
            await self.clock.sleep_ms(await self.watchdog.step())


async def test_lag_that_stands_ends_the_monitor_with_a_sentence() -> None:
    world = World()
    await world.run(STUCK_MS - 2_000)
    with pytest.raises(Stuck, match="5 records of the feed wait"):
        await world.run(5_000)


@pytest.mark.parametrize("why", ["moves", "no lag", "waits for Redis", "Kafka is down"])
async def test_nothing_else_does(why: str) -> None:
    world = World()
    world.lag = 0 if why == "no lag" else 5
    world.reader.is_folding = why == "waits for Redis"
    world.down = why == "Kafka is down"
    for _ in range(5):
        world.reader.folded += why == "moves"
        await world.run(STUCK_MS - 2_000)


async def test_what_ended_the_agent_is_raised_and_a_crash_is_a_sentence() -> None:
    world = World()
    world.reader.failure = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await world.watchdog.step()
    world.reader.failure, world.reader.crash = None, RuntimeError("fetcher")
    with pytest.raises(Stuck, match="Faust has ended"):
        await world.watchdog.step()


async def test_a_monitor_is_current_without_lag_or_where_what_it_reads_is_young() -> None:
    world = World()
    world.lag, world.late_ms = 100, 3_600_000
    world.reader.folded = 10
    await world.watchdog.step()
    assert world.current == 0
    world.reader.folded, world.late_ms = 20, 1_000
    await world.watchdog.step()
    assert world.current == 1
    world.lag = 0
    await world.watchdog.step()
    assert world.current == 2
