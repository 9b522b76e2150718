"""Spending on Redis: what a day (UTC, by Redis' clock) has cost, and what is set aside for calls in flight."""

from collections.abc import Callable
from typing import NamedTuple

from streamer.adapters.redis_sessions.connection import Primaries
from streamer.adapters.redis_sessions.handle import redis_time
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.scripts import ScriptCall
from streamer.core.lifecycle import DAY_MS
from streamer.core.model import MICROS, micros


class Spent(NamedTuple):
    """Of one day. Reserved: for calls that have not come back."""

    usd: float
    tokens: int
    reserved_usd: float
    reserved_tokens: int


class RedisSpending:
    """The port streamer.ports.Spending. Limits are per day; None is no limit."""

    def __init__(
        self,
        primary: Primaries,
        *,
        usd_max: float | None,
        tokens_max: int | None,
        prefix: str = "st",
        now_ms: Callable[[], int] = redis_time,
    ) -> None:
        self._primary, self._now_ms = primary, now_ms
        self._key = f"{prefix}:{{spending}}:"
        self._limits = ("" if usd_max is None else micros(usd_max), "" if tokens_max is None else tokens_max)

    async def reserve(self, call: str, usd: float, tokens: int, until_ms: int) -> bool:
        """Repeatable: a call has one reservation."""
        arguments = (self._now_ms(), call, micros(usd), tokens, until_ms, *self._limits)
        (granted,) = await self._primary.run([ScriptCall("reserve", self._key, arguments)])
        return bool(granted)

    async def settle(self, call: str, usd: float, tokens: int) -> None:
        """Repeatable: only the first settlement of a reservation counts."""
        await self._primary.run([ScriptCall("settle", self._key, (self._now_ms(), call, micros(usd), tokens))])

    async def spent(self, now_ms: int) -> Spent:
        """What the day of `now_ms` has cost so far."""
        (flat,) = await self._primary.ask([("HGETALL", f"{self._key}{now_ms // DAY_MS}")])
        row = dict(pairs(flat))
        held = [value.split(b"|") for name, value in row.items() if name.startswith(b"r:")]
        return Spent(
            usd=int(row.get(b"usd_micros", 0)) / MICROS,
            tokens=int(row.get(b"tokens", 0)),
            reserved_usd=sum(int(parts[0]) for parts in held) / MICROS,
            reserved_tokens=sum(int(parts[1]) for parts in held),
        )
