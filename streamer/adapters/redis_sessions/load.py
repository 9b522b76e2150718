"""How much is due and under way, for `streamer status`. Reads only, a page at a time."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.core.ids import BUCKETS, bucket_of_session
from streamer.core.ledger import Entry
from streamer.core.status import Now

PAGE = 500
AT_WORK_MAX = 5_000
"""Sessions in `again` that are looked at for leases and intents."""
FAILURES_OF = 1_000
"""Sessions whose ledgers are looked at, the latest changed: whoever asks wants to know what fails now."""


class Load(NamedTuple):
    """What a claim would find now, and what is being worked on."""

    due: int
    due_for_ms_max: int
    """How long the session that waits longest has been due; 0 if none is."""
    in_flight: int
    """Leased sessions."""
    open_intents: int
    """Writers that may still write, of sessions that are not at rest."""
    failures: Mapping[str, int]
    """By kind: judges whose last word on a session is a failure, of the latest changed sessions."""


class LoadReader:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def load(self, now: Now) -> Load:
        due, waits_ms, again = await self._due(now)
        in_flight, intents = await self._at_work(again, now.redis_ms)
        return Load(due, waits_ms, in_flight, intents, await self._failures())

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

    async def _at_work(self, again: list[str], now_ms: int) -> tuple[int, int]:
        """Leases that have not run out, and intents."""
        leased = intents = 0
        for start in range(0, min(len(again), AT_WORK_MAX), PAGE):
            keys = [f"{self._s.tag(bucket_of_session(key))}s:{key}" for key in again[start : start + PAGE]]
            replies = await self._s.read(
                [ask for key in keys for ask in (("HGET", key, "lease"), ("HLEN", f"{key}:i"))]
            )
            leased += sum(int(lease or 0) > now_ms for lease in replies[0::2])
            intents += sum(replies[1::2])
        return leased, intents

    async def _failures(self) -> Counter[str]:
        keys: list[str] = []
        async for key, _ in RedisReader(self._s).keys():
            keys.append(key)
            if len(keys) == FAILURES_OF:
                break
        kinds: Counter[str] = Counter()
        for start in range(0, len(keys), PAGE):
            page = keys[start : start + PAGE]
            ledgers = await self._s.read([("HGETALL", f"{self._s.tag(bucket_of_session(k))}s:{k}:l") for k in page])
            entries = [Entry.from_json(raw) for flat in ledgers for _, raw in pairs(flat)]
            kinds.update(entry.failure.kind for entry in entries if entry.failure and entry.state != "judged")
        return kinds
