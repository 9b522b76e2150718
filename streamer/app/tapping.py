"""Decisions as they are made."""

from collections.abc import AsyncIterator, Mapping

from streamer.adapters.redis_sessions.tap import RedisTap
from streamer.app.people import redis_of
from streamer.settings import Settings


async def decisions(settings: Settings, session: str | None, last: int | None) -> AsyncIterator[Mapping[str, str]]:
    """Of all sessions or of one, by its id or key; without end, or as many as `last`."""
    told = 0
    async with redis_of(settings) as redis:
        async for line in RedisTap(redis.shared).decisions():
            if session in (None, line["session"], line["key"]):
                yield line
                told += 1
                if told == last:
                    return
