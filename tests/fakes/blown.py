"""Topics that a worker does not read, as the fake Redis keeps them: a minute each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.session_store import FakeRedis

BLOWN_MS = 60_000


class BlownFuses:
    """A side of FakeSessionStore."""

    redis: "FakeRedis"

    async def tell_blown(self, source: str, topics: Sequence[str]) -> None:
        until_ms = self.redis.now_ms() + BLOWN_MS
        self.redis.blown.update({(source, topic): until_ms for topic in topics})

    async def blown(self, source: str, topics: Sequence[str]) -> frozenset[str]:
        now_ms = self.redis.now_ms()
        return frozenset(topic for topic in topics if self.redis.blown.get((source, topic), now_ms) > now_ms)
