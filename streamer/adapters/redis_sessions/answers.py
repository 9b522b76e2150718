"""What evaluations have paid for, and what they have measured, under a key prefix of their own.

Keys: P:{bb}:e:<session>:<call key>, a hash with the answer (`a`), gone `keep_ms` after it was bought · P:{00}:noise, a
hash: judge and version → how often it agreed with itself. The pause is the live path's.
"""

import asyncio
from collections.abc import Mapping
from typing import Literal

from streamer.adapters.redis_sessions.evaluate import EvaluateStore
from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.core.model import Completion
from streamer.core.session import Claim


class SavedAnswers:
    """ports.Answers. Two evaluations of a session share its answers."""

    def __init__(self, shared: Shared, live: EvaluateStore, keep_ms: int) -> None:
        self._s, self._live, self._keep_ms = shared, live, keep_ms

    async def find_answer(self, claim: Claim, call_key: str) -> Completion | Literal["paused"] | None:
        paused, saved = await asyncio.gather(self._live.is_paused(), self.saved(claim, call_key))
        return "paused" if paused else saved

    async def saved(self, claim: Claim, call_key: str) -> Completion | None:
        (raw,) = await self._s.primary.ask([("HGET", self._key(claim, call_key), "a")])
        return None if raw is None else Completion.from_json(raw)

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        key = self._key(claim, call_key)
        await self._s.primary.ask([("HSET", key, "a", answer.to_json()), ("PEXPIRE", key, self._keep_ms)])

    async def note_noise(self, noise: Mapping[str, str]) -> None:
        """By judge and version, JSON."""
        if noise:
            fields = [part for item in noise.items() for part in item]
            await self._s.primary.ask([("HSET", self._noise, *fields)])

    async def noise(self) -> Mapping[str, str]:
        (flat,) = await self._s.primary.ask([("HGETALL", self._noise)])
        return {name.decode(): said.decode() for name, said in pairs(flat)}

    @property
    def _noise(self) -> str:
        return f"{self._s.tag(0)}noise"

    def _key(self, claim: Claim, call_key: str) -> str:
        return f"{self._s.tag(claim.bucket)}e:{claim.session.key}:{call_key}"
