"""Compares this machine's clock with Redis', at the start and every few seconds.

Rule: a worker whose clock is off says so and stops: it would judge its own leases wrongly.
"""

from contextlib import suppress

from streamer.core.skew import SKEW_MS_MAX, skew_ms
from streamer.errors import ConfigurationError, TransientError
from streamer.ports import Clock, Metrics, SessionStore

EVERY_MS = 10_000


class ClockWatch:
    def __init__(self, store: SessionStore, clock: Clock, metrics: Metrics) -> None:
        self._store, self._clock, self._metrics = store, clock, metrics

    async def check(self) -> None:
        """Raises ConfigurationError with the remedy; TransientError while Redis does not answer."""
        before_ms = self._clock.now_ms()
        redis_ms = await self._store.time_ms()
        off_ms = skew_ms(before_ms, redis_ms, self._clock.now_ms())
        self._metrics.gauge("clock_skew_ms", off_ms)
        if abs(off_ms) > SKEW_MS_MAX:
            how = "behind" if off_ms > 0 else "ahead of"
            raise ConfigurationError(
                f"this machine's clock is {abs(off_ms) / 1000:.1f} s {how} that of Redis, more than "
                f"{SKEW_MS_MAX // 1000} s: let both follow NTP (chrony, systemd-timesyncd), then start again"
            )

    async def step(self) -> int:
        with suppress(TransientError):  # the probe says it
            await self.check()
        return EVERY_MS
