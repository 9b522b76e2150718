"""Sessions that were drawn for people to label, kept so that several people are asked about the same ones.

Key: P:{labels}:<judge>:<seed>, a hash with the drawing (`d`, JSON, core/labels.py), gone `KEEP_MS` after it was drawn.
It holds ids, never what was said.
"""

from streamer.adapters.redis_sessions.handle import Shared
from streamer.core.labels import Draw
from streamer.core.lifecycle import DAY_MS

KEEP_MS = 90 * DAY_MS
"""Whoever labels a hundred sessions does it in some days, and may want to add a second person's labels later."""


class KeptDraws:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def find(self, judge: str, seed: int) -> Draw | None:
        (raw,) = await self._s.primary.ask([("HGET", self._key(judge, seed), "d")])
        return None if raw is None else Draw.from_json(raw)

    async def keep(self, draw: Draw) -> Draw:
        """The one that is kept: of two people who draw at once the first one's. Repeatable."""
        key = self._key(draw.judge, draw.seed)
        await self._s.primary.ask([("HSETNX", key, "d", draw.to_json()), ("PEXPIRE", key, KEEP_MS)])
        return await self.find(draw.judge, draw.seed) or draw

    def _key(self, judge: str, seed: int) -> str:
        return f"{self._s.prefix}:{{labels}}:{judge}:{seed}"
