"""How much is due, under way and overdue, for `streamer status` and the metrics. Reads only, a page at a time."""

from collections import Counter
from typing import Any

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.core.ids import BUCKETS, bucket_of_session
from streamer.core.ledger import Entry
from streamer.core.status import STUCK_MS, Load, Now, owed_of

PAGE = 500
AT_WORK_MAX = 5_000
"""Sessions in `again` that are looked at for leases and intents."""
FAILURES_OF = 1_000
"""Sessions whose ledgers are looked at, the latest changed: whoever asks wants to know what fails now."""


class LoadReader:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def load(self, now: Now, *, failures: bool = True) -> Load:
        """`failures`: of which kinds, too; it reads the ledgers of FAILURES_OF sessions."""
        due, waits_ms, again = await self._due(now)
        in_flight, intents, late = await self._at_work(again, now.redis_ms)
        stuck = await self._owed(late)
        return Load(due, waits_ms, in_flight, intents, stuck, await self._failures() if failures else {})

    async def _due(self, now: Now) -> tuple[int, int, list[str]]:
        """How many, for how long, and the keys in `again`."""
        tags = [self._s.tag(bucket) for bucket in range(BUCKETS)]
        found = await self._s.read([("SMEMBERS", f"{tag}scopes") for tag in tags])
        asked: list[tuple[Any, ...]] = []
        limits: list[int] = []
        for tag, scopes in zip(tags, found, strict=True):
            for scope in (raw.decode() for raw in scopes):
                mark_ms = now.watermarks_ms.get(scope.partition("|")[0], -1)
                for name, until_ms in (("quiet", mark_ms), ("again", now.redis_ms)):
                    index = f"{tag}{name}:{scope}"
                    asked += [("ZCOUNT", index, "-inf", until_ms), ("ZRANGE", index, 0, 0, "WITHSCORES")]
                    limits.append(until_ms)
                asked.append(("ZRANGE", f"{tag}again:{scope}", 0, AT_WORK_MAX))
        replies = await self._s.read(asked)
        due, waits_ms, again = 0, 0, list[str]()
        for n in range(0, len(replies), 5):
            for part in (0, 1):
                count, first = replies[n + 2 * part], replies[n + 2 * part + 1]
                due += count
                if count:
                    waits_ms = max(waits_ms, limits[2 * (n // 5) + part] - int(float(first[1])))
            again += [key.decode() for key in replies[n + 4]]
        return due, waits_ms, again

    async def _at_work(self, again: list[str], now_ms: int) -> tuple[int, int, list[str]]:
        """Leases that have not run out, intents, and sessions that fell quiet more than STUCK_MS ago."""
        leased, intents, late = 0, 0, list[str]()
        for start in range(0, min(len(again), AT_WORK_MAX), PAGE):
            page = again[start : start + PAGE]
            keys = [self._key(key) for key in page]
            replies = await self._s.read(
                [ask for key in keys for ask in (("HMGET", key, "lease", "activity", "gap"), ("HLEN", f"{key}:i"))]
            )
            intents += sum(replies[1::2])
            for key, times in zip(page, replies[0::2], strict=True):
                lease_ms, activity_ms, gap_ms = (int(raw or 0) for raw in times)
                leased += lease_ms > now_ms
                if activity_ms and activity_ms + gap_ms + STUCK_MS < now_ms:
                    late.append(key)
        return leased, intents, late

    async def _owed(self, keys: list[str]) -> Counter[str]:
        """What these sessions' ledgers say is owed."""
        owed: Counter[str] = Counter()
        for start in range(0, len(keys), PAGE):
            owed.update(word for entry in await self._entries(keys[start : start + PAGE]) if (word := owed_of(entry)))
        return owed

    async def _failures(self) -> Counter[str]:
        keys: list[str] = []
        async for key, _ in RedisReader(self._s).keys():
            keys.append(key)
            if len(keys) == FAILURES_OF:
                break
        kinds: Counter[str] = Counter()
        for start in range(0, len(keys), PAGE):
            entries = await self._entries(keys[start : start + PAGE])
            kinds.update(entry.failure.kind for entry in entries if entry.failure and entry.state != "judged")
        return kinds

    async def _entries(self, keys: list[str]) -> list[Entry]:
        ledgers = await self._s.read([("HGETALL", f"{self._key(key)}:l") for key in keys])
        return [Entry.from_json(raw) for flat in ledgers for _, raw in pairs(flat)]

    def _key(self, key: str) -> str:
        return f"{self._s.tag(bucket_of_session(key))}s:{key}"
