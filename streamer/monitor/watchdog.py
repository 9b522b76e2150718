"""Whether the monitor still moves. A Faust process that is alive proves nothing: in measurements its fetcher died, or a
rebalance hung, with the process up.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from streamer.errors import Stuck, TransientError
from streamer.ports import Clock, Metrics

EVERY_MS = 2_000
STUCK_MS = 30_000
"""Five sessions of the group: no take-over takes so long."""


CURRENT_MS = 60_000
"""A batch of records that young is no backlog."""


class Reader(Protocol):
    failure: BaseException | None
    is_folding: bool
    folded: int

    @property
    def partitions(self) -> frozenset[int]: ...

    @property
    def crash(self) -> BaseException | None: ...


Lag = Callable[[frozenset[int]], Awaitable[int]]
"""Records of these partitions that the group has not committed; of all where none is given and nobody has them."""


class Watchdog:
    """Raises Stuck where lag stands and nothing moves. While a batch waits for Redis that is no standstill."""

    def __init__(
        self,
        reader: Reader,
        lag: Lag,
        late_ms: Callable[[], int],
        tell_current: Callable[[], Awaitable[None]],
        clock: Clock,
        metrics: Metrics,
        stuck_ms: int = STUCK_MS,
    ) -> None:
        """`late_ms`: of the last batch, from its newest record's time to its fold. `tell_current`: there is no
        backlog."""
        self._reader, self._lag, self._clock = reader, lag, clock
        self._late_ms, self._tell_current = late_ms, tell_current
        self._metrics, self._stuck_ms = metrics, stuck_ms
        self._folded, self._moved_ms = 0, clock.now_ms()

    async def step(self) -> int:
        """Look once; returns how many ms to wait. Raises what ended the agent."""
        reader, now_ms = self._reader, self._clock.now_ms()
        if reader.failure is not None:
            raise reader.failure
        if reader.crash is not None:
            raise Stuck(f"Faust has ended ({type(reader.crash).__name__}): start the monitor again")
        try:
            behind = await self._lag(reader.partitions)
            if not behind or (reader.folded != self._folded and self._late_ms() < CURRENT_MS):
                await self._tell_current()
        except TransientError:
            self._moved_ms = now_ms  # Kafka or Redis is down: that is no standstill of ours
            return EVERY_MS
        if reader.folded != self._folded or reader.is_folding or not behind:
            self._moved_ms = now_ms
        if reader.folded != self._folded:
            self._metrics.gauge("monitor_moved_ms", now_ms)
        self._folded = reader.folded
        self._metrics.gauge("monitor_lag_records", behind)
        if now_ms - self._moved_ms >= self._stuck_ms:
            raise Stuck(
                f"{behind} records of the feed wait, and the monitor has read none for {self._stuck_ms // 1_000} s: "
                "it ends, so that it is started again"
            )
        return EVERY_MS
