"""Sessions for people: listing and counting. Reads only, page by page, so that looking never disturbs the work."""

from collections.abc import Mapping
from typing import Any

from streamer.adapters.redis_sessions.connection import checked, parse_info
from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.core.ids import BUCKETS
from streamer.core.ledger import Entry
from streamer.core.status import Counts, LineState, SessionLine
from streamer.core.terms import hash_of


class RedisReader:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def sessions(self, limit: int, state: str | None = None) -> list[SessionLine]:
        """The latest changed first; with `state`, only those."""
        newest = [("ZREVRANGE", f"{self._s.tag(b)}sessions", 0, limit * 4, "WITHSCORES") for b in range(BUCKETS)]
        found = [
            (int(float(changed)), bucket, key.decode())
            for bucket, flat in enumerate(await self._ask(newest))
            for key, changed in pairs(flat)
        ]
        lines: list[SessionLine] = []
        for changed_ms, bucket, key in sorted(found, reverse=True):
            line = await self._line(bucket, key, changed_ms)
            if line is not None and state in (None, line.state):
                lines.append(line)
            if len(lines) == limit:
                break
        return lines

    async def counts(self, now_ms: int) -> Counts:
        """One round trip for the buckets, one for their indexes."""
        asked: list[tuple[Any, ...]] = []
        for bucket in range(BUCKETS):
            tag = self._s.tag(bucket)
            asked += [
                ("SMEMBERS", f"{tag}scopes"),
                *((("ZCARD", f"{tag}{n}")) for n in ("sessions", "parked", "sweep")),
            ]
        raw = await self._ask(
            [*asked, ("INFO", "memory"), ("HMGET", f"{self._s.tag(0)}config", "generation", "paused")]
        )
        info, (generation, paused) = parse_info(raw[-2]), raw[-1]
        rows = [raw[n : n + 4] for n in range(0, BUCKETS * 4, 4)]
        indexes: list[tuple[Any, ...]] = []
        for bucket, (scopes, *_) in enumerate(rows):
            for scope in scopes:
                quiet, again = (f"{self._s.tag(bucket)}{name}:{scope.decode()}" for name in ("quiet", "again"))
                oldest = ("ZRANGE", quiet, 0, 0, "WITHSCORES")
                indexes += [("ZCARD", quiet), ("ZCARD", again), ("ZCOUNT", again, 0, now_ms), oldest]
        found = await self._ask(indexes) if indexes else []
        oldest_ms = [int(float(flat[1])) for flat in found[3::4] if flat]
        return Counts(
            sessions=sum(row[1] for row in rows),
            quiet=sum(found[0::4]),
            again=sum(found[1::4]),
            due_again=sum(found[2::4]),
            parked=sum(row[2] for row in rows),
            to_sweep=sum(row[3] for row in rows),
            oldest_quiet_ms=min(oldest_ms, default=None),
            memory_used_bytes=int(info.get("used_memory", 0)),
            memory_max_bytes=int(info.get("maxmemory", 0)),
            generation=int(generation or 0),
            paused=paused == b"1",
        )

    async def hash_in_force(self) -> str | None:
        """That of the configuration in force, None before the first judge worker."""
        (content,) = await self._ask([("HGET", f"{self._s.tag(0)}config", "content")])
        return hash_of(content) if content is not None else None

    async def _line(self, bucket: int, key: str, changed_ms: int) -> SessionLine | None:
        tag = self._s.tag(bucket)
        base = f"{tag}s:{key}"
        flat, turns, ledger = await self._ask([("HGETALL", base), ("HLEN", f"{base}:m"), ("HGETALL", f"{base}:l")])
        row = dict(pairs(flat))
        if not row:
            return None
        source, tenant = row[b"source"].decode(), row[b"tenant"].decode()
        scope = f"{source}|{tenant}"
        quiet, again = await self._ask([("ZSCORE", f"{tag}{name}:{scope}", key) for name in ("quiet", "again")])
        return SessionLine(
            session_id=row[b"id"].decode(),
            source=source,
            tenant=tenant,
            key=key,
            state=_state(row, quiet, again),
            turns=turns,
            due_ms=int(float(quiet or again)) if quiet or again else None,
            changed_ms=changed_ms,
            verdicts={judge.decode(): _said(Entry.from_json(raw)) for judge, raw in pairs(ledger)},
        )

    async def _ask(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        return list(checked(await self._s.primary.ask(commands)))


def _state(row: Mapping[bytes, bytes], quiet: bytes | None, again: bytes | None) -> LineState:
    if quiet is not None:
        return "open"
    if again is None:
        return "rest"
    return "leased" if int(row.get(b"lease", b"0")) else "waiting"


def _said(entry: Entry) -> str:
    return str(entry.verdict.value) if entry.state == "judged" and entry.verdict else entry.state
