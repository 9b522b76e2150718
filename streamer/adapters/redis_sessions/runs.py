"""Which evaluations have keys of their own in Redis, so that those of one that was killed do not stay for ever.

Key: P:{00}:runs, a sorted set: name of a run by R of when it was last heard.
"""

from collections.abc import Sequence

from streamer.adapters.redis_sessions.handle import Shared


class EvaluationRuns:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def begin(self, name: str) -> None:
        await self._s.primary.ask([("ZADD", self._key, await self._s.time_ms(), name)])

    async def hear(self, name: str) -> bool:
        """It lives. False: its keys were taken for those of a dead one, and are gone."""
        heard, now_ms = ("ZSCORE", self._key, name), await self._s.time_ms()
        _, known = await self._s.primary.ask([("ZADD", self._key, "XX", now_ms, name), heard])
        return known is not None

    async def silent(self, silent_ms: int) -> Sequence[str]:
        """Those that nobody has heard of for so long."""
        until_ms = await self._s.time_ms() - silent_ms
        (names,) = await self._s.primary.ask([("ZRANGEBYSCORE", self._key, "-inf", until_ms)])
        return [name.decode() for name in names]

    async def end(self, name: str) -> None:
        """Its keys are gone. Repeatable."""
        await self._s.primary.ask([("ZREM", self._key, name)])

    @property
    def _key(self) -> str:
        return f"{self._s.tag(0)}runs"
