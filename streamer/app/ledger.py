"""The ledger as a table."""

from collections.abc import AsyncIterator
from pathlib import Path

from streamer.adapters import parquet
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.ledgers import ledgers
from streamer.core.ledger_line import COLUMNS, Line, line_of


async def lines(redis: RedisConnection, since_ms: int | None, *, with_text: bool) -> AsyncIterator[Line]:
    """One per (session, judge) of the sessions that have changed since, the latest first."""
    async for ledger in ledgers(redis.shared, since_ms):
        for judge, entry in sorted(ledger.entries.items()):
            yield line_of(ledger.session, ledger.changed_ms, ledger.closed_by, judge, entry, with_text=with_text)


async def to_parquet(redis: RedisConnection, file: Path, since_ms: int | None, *, with_text: bool) -> int:
    """How many lines were written."""
    count = 0
    with parquet.writing(file, COLUMNS) as out:
        async for line in lines(redis, since_ms, with_text=with_text):
            out.add(line)
            count += 1
    return count
