"""SessionStore on Redis. `open_redis` gives the connection that a process shares; each loop takes its own `handle()`.

Files: access (URL, certificates), rights, connection (one primary, its epochs), sentinel (who it is), cluster (many of
them), scripts (the Lua), handle (a loop's view), ingest, judge, audit, erasing (the port, side by side), rebuild (after
Redis was lost), evaluate and answers (what was judged apart), reader, load, ledgers, tap (for people), spending,
translate (errors).
"""

from collections.abc import Callable
from typing import NamedTuple

from streamer.adapters.redis_sessions.access import RedisAccess, connect
from streamer.adapters.redis_sessions.connection import Primaries, parse_info
from streamer.adapters.redis_sessions.erasing import ErasingSide
from streamer.adapters.redis_sessions.evaluate import EvaluateStore
from streamer.adapters.redis_sessions.handle import Shared, TurnCodec, redis_time
from streamer.adapters.redis_sessions.rebuild import RebuildStore
from streamer.adapters.redis_sessions.rights import refuse_missing_rights
from streamer.core.ids import BUCKETS
from streamer.core.lifecycle import Limits
from streamer.errors import ConfigurationError

FORMAT = 1
"""Of keys and values, written once into `<prefix>:layout`."""

__all__ = ["RedisAccess", "RedisConnection", "RedisSessionStore", "TurnCodec", "open_redis"]


class RedisSessionStore(ErasingSide):
    """The whole port (streamer.ports.SessionStore), for one loop."""


class Durability(NamedTuple):
    primaries: int
    replicas: int
    """Of the primary that has the fewest."""
    writes_down: bool
    """Every primary keeps an append-only file."""


class RedisConnection:
    """The connections of a process to Redis; belongs to one event loop."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    def handle(self) -> RedisSessionStore:
        """A store for one loop, which hears of a replaced primary by itself."""
        return RedisSessionStore(self.shared)

    async def refuse_during_rebuild(self) -> None:
        """ConfigurationError for a worker while `streamer rebuild` runs, or was not finished."""
        if await self.rebuild_handle().begun() is not None:
            raise ConfigurationError(
                "Redis is being rebuilt, and sessions would be judged twice: wait for `streamer rebuild`, or run it "
                "again with --yes if it was stopped"
            )

    def rebuild_handle(self) -> RebuildStore:
        return RebuildStore(self.shared)

    def evaluate_handle(self) -> EvaluateStore:
        return EvaluateStore(self.shared)

    def take(self, limits: Limits) -> None:
        """Every script goes by these from its next call on."""
        self.shared.limits = limits

    async def purge(self) -> None:
        """Remove every key under this prefix: only for what ran apart."""
        for node in await self.shared.primary.nodes():
            cursor: bytes | int = 0
            while True:
                ask = ("SCAN", cursor, "MATCH", f"{self.shared.prefix}:*", "COUNT", 1_000)
                ((cursor, keys),) = await node.ask([ask])
                await node.ask([("UNLINK", key) for key in keys])
                if int(cursor) == 0:
                    break

    async def durability(self) -> Durability:
        """What a restart, or a fail-over, would leave."""
        said = [parse_info(raw) for raw in await self.shared.primary.each(("INFO", "persistence"))]
        following = [parse_info(raw) for raw in await self.shared.primary.each(("INFO", "replication"))]
        replicas = [sum("state=online" in value for value in info.values()) for info in following]
        return Durability(len(said), min(replicas), all(info.get("aof_enabled") == "1" for info in said))

    async def close(self) -> None:
        await self.shared.primary.close()


async def open_redis(
    url: str,
    limits: Limits,
    codec: TurnCodec,
    *,
    prefix: str = "st",
    access: RedisAccess | None = None,
    now_ms: Callable[[], int] = redis_time,
    page: int = 500,
) -> RedisConnection:
    """ConfigurationError if this Redis evicts keys or was laid out by another version; TransientError if it is down."""
    primary = await connect(url, access)
    try:
        await refuse_eviction(primary)
        await agree_on_layout(primary, prefix)
        await refuse_missing_rights(primary, prefix, FORMAT)
    except BaseException:
        await primary.close()
        raise
    shared = Shared(primary=primary, limits=limits, codec=codec, prefix=prefix, now_ms=now_ms, page=page)
    return RedisConnection(shared)


async def refuse_eviction(primary: Primaries) -> None:
    said = await primary.each(("INFO", "memory"))
    for policy in {parse_info(raw).get("maxmemory_policy", "noeviction") for raw in said} - {"noeviction"}:
        raise ConfigurationError(
            f"Redis would throw sessions away when it is full: set its maxmemory-policy to noeviction (it is {policy})"
        )


async def agree_on_layout(primary: Primaries, prefix: str) -> None:
    """The first worker writes the layout, the others compare."""
    key = f"{prefix}:layout"
    (found,) = await primary.ask([("HMGET", key, "format", "buckets")])
    if found == [None, None]:
        writes = [("HSETNX", key, "format", FORMAT), ("HSETNX", key, "buckets", BUCKETS)]
        *_, found = await primary.ask([*writes, ("HMGET", key, "format", "buckets")])
    if found != [str(FORMAT).encode(), str(BUCKETS).encode()]:
        raise ConfigurationError(
            f"{key} in Redis was written by another version of streamer (format, buckets: "
            f"{', '.join((value or b'-').decode() for value in found)}; this one: {FORMAT}, {BUCKETS}): "
            "use the version that wrote it, or another redis.key_prefix"
        )
