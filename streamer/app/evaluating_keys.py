"""Redis keys that an evaluation has for itself while it lasts: records of a topic or of files, put together.

Rule: they are named by the run, and removed by that run alone; those of a run that was killed are removed by whoever
evaluates next, once nobody has heard of it for `SILENT_MS`. What was paid for is kept elsewhere, by what was asked
(adapters/redis_sessions/answers.py).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.runs import EvaluationRuns
from streamer.app.building import open_for
from streamer.errors import StreamerError
from streamer.settings import Settings

HEARD_S = 30.0
SILENT_MS = 60 * 60 * 1_000
"""A process that stood still for longer finds its keys gone, and says so."""


@asynccontextmanager
async def own_keys(settings: Settings, runs: EvaluationRuns) -> AsyncIterator[RedisConnection]:
    name = secrets.token_hex(6)
    await runs.begin(name)
    beating = asyncio.create_task(_beat(runs, name))
    try:
        redis = await open_for(_of(settings, name))
        try:
            yield redis
        finally:
            await redis.purge()
            await redis.close()
    finally:
        beating.cancel()
        await runs.end(name)


async def remove_silent(settings: Settings, runs: EvaluationRuns) -> None:
    """Keys of runs that were killed. Repeatable, also by two at once."""
    for name in await runs.silent(SILENT_MS):
        redis = await open_for(_of(settings, name))
        try:
            await redis.purge()
        finally:
            await redis.close()
        await runs.end(name)


def _of(settings: Settings, name: str) -> Settings:
    return settings.apart(f"evaluate-records-{name}")


async def _beat(runs: EvaluationRuns, name: str) -> None:
    while True:
        await asyncio.sleep(HEARD_S)
        try:
            if not await runs.hear(name):
                return  # whoever reads next finds nothing, and says so
        except StreamerError:
            continue  # whoever works with Redis says it
