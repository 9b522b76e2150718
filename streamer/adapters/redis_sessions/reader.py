"""Sessions for people: listing, counting, what became of one. Reads only, page by page, so that looking never disturbs
the work."""

import heapq
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, cast

import msgpack

from streamer.adapters.redis_sessions.connection import parse_info
from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.judge import read_ref, read_row
from streamer.core.assessment import RowRef
from streamer.core.claim_log import ClaimNote, note_of
from streamer.core.ids import BUCKETS, bucket_of_session
from streamer.core.ledger import Entry
from streamer.core.status import Counts, LineState, Now, SessionLine, Standing, Wanted, said, words_of
from streamer.core.terms import hash_of

PAGE = 200
"""Sessions that are looked at in one round trip."""
ANY = Wanted()


class Kept(NamedTuple):
    """What Redis keeps of a session beside its state."""

    line: SessionLine
    log: tuple[ClaimNote, ...]
    rows: tuple[RowRef, ...]
    """Every row that may stand in MLflow."""
    intents: int
    """Writers that may still write."""
    answers: int
    """Answers that are saved: what would not be bought again."""
    token: int


class RedisReader:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def sessions(self, limit: int, now: Now, wanted: Wanted = ANY) -> list[SessionLine]:
        """The latest changed first, of those that are wanted."""
        lines: list[SessionLine] = []
        page: list[tuple[str, int]] = []
        async for key, changed_ms in self.keys(wanted.changed_from_ms, wanted.changed_before_ms):
            page.append((key, changed_ms))
            if len(page) == min(PAGE, max(limit, 1)):
                lines += [line for line in await self._lines(page, now) if wanted.takes(line)]
                page = []
            if len(lines) >= limit:
                break
        else:
            lines += [line for line in await self._lines(page, now) if wanted.takes(line)]
        return lines[:limit]

    async def keys(self, from_ms: int | None = None, before_ms: int | None = None) -> AsyncIterator[tuple[str, int]]:
        """Every session's key and when it changed last (ms of Redis' clock), the latest first."""
        high, low = "+inf" if before_ms is None else f"({before_ms}", "-inf" if from_ms is None else from_ms
        offsets = dict.fromkeys(range(BUCKETS), 0)
        waiting: list[tuple[int, str, int]] = []
        while offsets or waiting:
            # A bucket whose page is used up might have the next one: it is asked before anything older is told.
            empty = [bucket for bucket in offsets if all(entry[2] != bucket for entry in waiting)]
            asked = [
                ("ZREVRANGEBYSCORE", f"{self._s.tag(b)}sessions", high, low, "WITHSCORES", "LIMIT", offsets[b], PAGE)
                for b in empty
            ]
            for bucket, flat in zip(empty, await self._s.read(asked), strict=True):
                found = [(-int(float(changed)), key.decode(), bucket) for key, changed in pairs(flat)]
                for entry in found:
                    heapq.heappush(waiting, entry)
                offsets[bucket] += len(found)
                if len(found) < PAGE:
                    del offsets[bucket]
            if waiting:
                changed_ms, key, _ = heapq.heappop(waiting)
                yield key, -changed_ms

    async def kept(self, key: str, now: Now) -> Kept | None:
        """None if there is no such session."""
        base = f"{self._s.tag(bucket_of_session(key))}s:{key}"
        lines = await self._lines([(key, 0)], now)
        if not lines:
            return None
        asked = [("LRANGE", f"{base}:c", 0, -1), ("HGETALL", f"{base}:r"), ("HLEN", f"{base}:i"), ("HLEN", f"{base}:a")]
        log, rows, intents, answers, token = await self._s.read([*asked, ("HGET", base, "token")])
        return Kept(
            line=lines[0],
            log=tuple(read_note(raw) for raw in log),
            rows=tuple(sorted(read_row(*row) for row in pairs(rows))),
            intents=intents,
            answers=answers,
            token=int(token or 0),
        )

    async def counts(self, now_ms: int) -> Counts:
        """One round trip for the buckets, one for their indexes."""
        asked: list[tuple[Any, ...]] = []
        for bucket in range(BUCKETS):
            tag = self._s.tag(bucket)
            asked += [
                ("SMEMBERS", f"{tag}scopes"),
                *((("ZCARD", f"{tag}{n}")) for n in ("sessions", "parked", "sweep")),
            ]
        *raw, (generation, paused) = await self._s.read(
            [*asked, ("HMGET", f"{self._s.tag(0)}config", "generation", "paused")]
        )
        memory = [parse_info(said) for said in await self._s.primary.each(("INFO", "memory"))]
        rows = [raw[n : n + 4] for n in range(0, BUCKETS * 4, 4)]
        indexes: list[tuple[Any, ...]] = []
        for bucket, (scopes, *_) in enumerate(rows):
            for scope in scopes:
                quiet, again = (f"{self._s.tag(bucket)}{name}:{scope.decode()}" for name in ("quiet", "again"))
                oldest = ("ZRANGE", quiet, 0, 0, "WITHSCORES")
                indexes += [("ZCARD", quiet), ("ZCARD", again), ("ZCOUNT", again, 0, now_ms), oldest]
        found = await self._s.read(indexes)
        oldest_ms = [int(float(flat[1])) for flat in found[3::4] if flat]
        return Counts(
            sessions=sum(row[1] for row in rows),
            quiet=sum(found[0::4]),
            again=sum(found[1::4]),
            due_again=sum(found[2::4]),
            parked=sum(row[2] for row in rows),
            to_sweep=sum(row[3] for row in rows),
            oldest_quiet_ms=min(oldest_ms, default=None),
            memory_used_bytes=sum(int(info.get("used_memory", 0)) for info in memory),
            memory_max_bytes=sum(int(info.get("maxmemory", 0)) for info in memory),
            generation=int(generation or 0),
            paused=paused == b"1",
        )

    async def hash_in_force(self) -> str | None:
        """That of the configuration in force, None before the first judge worker."""
        (content,) = await self._s.read([("HGET", f"{self._s.tag(0)}config", "content")])
        return hash_of(content) if content is not None else None

    async def _lines(self, page: list[tuple[str, int]], now: Now) -> list[SessionLine]:
        """Two round trips, however many sessions; one that is gone meanwhile is left out."""
        asked: list[tuple[Any, ...]] = []
        for key, _ in page:
            base = f"{self._s.tag(bucket_of_session(key))}s:{key}"
            asked += [("HGETALL", base), ("HLEN", f"{base}:m"), ("HGETALL", f"{base}:l")]
        raw = await self._s.read(asked)
        known = [
            (key, changed_ms, dict(pairs(raw[3 * n])), raw[3 * n + 1], raw[3 * n + 2])
            for n, (key, changed_ms) in enumerate(page)
            if raw[3 * n]
        ]
        indexes: list[tuple[Any, ...]] = []
        for key, _, row, *_ in known:
            tag, scope = self._s.tag(bucket_of_session(key)), read_ref(row).scope
            indexes += [("ZSCORE", f"{tag}{name}:{scope}", key) for name in ("quiet", "again")]
        scores = await self._s.read(indexes)
        return [
            _line(key, changed_ms, row, traces, ledger, (scores[2 * n], scores[2 * n + 1]), now)
            for n, (key, changed_ms, row, traces, ledger) in enumerate(known)
        ]


def _line(
    key: str,
    changed_ms: int,
    row: Mapping[bytes, bytes],
    traces: int,
    ledger: list[bytes],
    scores: tuple[bytes | None, bytes | None],
    now: Now,
) -> SessionLine:
    ref, score = read_ref(row), scores[0] or scores[1]
    entries = {judge.decode(): Entry.from_json(raw) for judge, raw in pairs(ledger)}
    erased = int(row.get(b"erased", 0)) // 1_000 if traces == 0 else 0
    standing = Standing(
        scope=ref.scope,
        state=_state(row, *scores, now.redis_ms),
        due_ms=int(float(score)) if score else None,
        ledger=entries,
        looks=int(row.get(b"looks", 0)),
        mend=b"mend" in row,
        erased_ms=erased or None,
    )
    return SessionLine(
        session_id=ref.session_id,
        source=ref.scope.source,
        tenant=ref.scope.tenant,
        key=key,
        state=standing.state,
        traces=traces,
        due_ms=standing.due_ms,
        changed_ms=changed_ms,
        verdicts={judge: said(entry) for judge, entry in entries.items()},
        says=words_of(standing, now),
    )


def read_note(raw: bytes) -> ClaimNote:
    return note_of(cast(Mapping[str, Any], msgpack.unpackb(raw)))


def _state(row: Mapping[bytes, bytes], quiet: bytes | None, again: bytes | None, now_ms: int) -> LineState:
    if quiet is not None:
        return "open"
    if again is None:
        return "rest"
    return "leased" if int(row.get(b"lease", b"0")) > now_ms else "waiting"
