"""Ledgers of many sessions, for `streamer ledger`. Reads only, a page at a time."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.judge import read_ref
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.core.ids import bucket_of_session
from streamer.core.ledger import Entry
from streamer.core.session import SessionRef

PAGE = 200


class Ledger(NamedTuple):
    session: SessionRef
    changed_ms: int
    closed_by: str | None
    entries: Mapping[str, Entry]


async def ledgers(shared: Shared, since_ms: int | None = None) -> AsyncIterator[Ledger]:
    """Of every session that has changed since, the latest first."""
    page: list[tuple[str, int]] = []
    async for found in RedisReader(shared).keys(since_ms):
        page.append(found)
        if len(page) == PAGE:
            for ledger in await _read(shared, page):
                yield ledger
            page = []
    for ledger in await _read(shared, page):
        yield ledger


async def _read(shared: Shared, page: list[tuple[str, int]]) -> list[Ledger]:
    asked: list[tuple[Any, ...]] = []
    for key, _ in page:
        base = f"{shared.tag(bucket_of_session(key))}s:{key}"
        asked += [("HMGET", base, "source", "tenant", "id", "reason"), ("HGETALL", f"{base}:l")]
    raw = await shared.read(asked)
    return [
        Ledger(
            session=read_ref({b"source": row[0], b"tenant": row[1], b"id": row[2]}),
            changed_ms=changed_ms,
            closed_by=row[3].decode() if row[3] is not None else None,
            entries={judge.decode(): Entry.from_json(entry) for judge, entry in pairs(flat)},
        )
        for (_, changed_ms), row, flat in zip(page, raw[0::2], raw[1::2], strict=True)
        if row[0] is not None
    ]
