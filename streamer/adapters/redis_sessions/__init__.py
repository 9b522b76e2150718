"""SessionStore on Redis. `open_redis` gives the connection that a process shares; each loop takes its own `handle()`.

Files: connection (one primary, its epochs), scripts (the Lua), handle (a loop's view), ingest, judge, audit, erasing
(the port, side by side), reader, load, ledgers, tap (for people), spending, translate (errors).
"""

from collections.abc import Callable

from streamer.adapters.redis_sessions.connection import Primary, checked, parse_info
from streamer.adapters.redis_sessions.erasing import ErasingSide
from streamer.adapters.redis_sessions.handle import Shared, TurnCodec, redis_time
from streamer.core.ids import BUCKETS
from streamer.core.lifecycle import Limits
from streamer.errors import ConfigurationError

FORMAT = 1
"""Of keys and values, written once into `<prefix>:layout`."""

__all__ = ["RedisConnection", "RedisSessionStore", "TurnCodec", "open_redis"]


class RedisSessionStore(ErasingSide):
    """The whole port (streamer.ports.SessionStore), for one loop."""


class RedisConnection:
    """The connections of a process to Redis; belongs to one event loop."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    def handle(self) -> RedisSessionStore:
        """A store for one loop, which hears of a replaced primary by itself."""
        return RedisSessionStore(self.shared)

    def take(self, limits: Limits) -> None:
        """Every script goes by these from its next call on."""
        self.shared.limits = limits

    async def purge(self) -> None:
        """Remove every key under this prefix: only for what ran apart."""
        cursor: bytes | int = 0
        while True:
            ask = ("SCAN", cursor, "MATCH", f"{self.shared.prefix}:*", "COUNT", 1_000)
            ((cursor, keys),) = checked(await self.shared.primary.ask([ask]))
            if keys:
                checked(await self.shared.primary.ask([("UNLINK", *keys)]))
            if int(cursor) == 0:
                return

    async def close(self) -> None:
        await self.shared.primary.close()


async def open_redis(
    url: str,
    limits: Limits,
    codec: TurnCodec,
    *,
    prefix: str = "st",
    now_ms: Callable[[], int] = redis_time,
    page: int = 500,
) -> RedisConnection:
    """ConfigurationError if this Redis evicts keys or was laid out by another version; TransientError if it is down."""
    primary = Primary(url)
    try:
        await refuse_eviction(primary)
        await agree_on_layout(primary, prefix)
        await primary.look_for_replicas()
    except BaseException:
        await primary.close()
        raise
    shared = Shared(primary=primary, limits=limits, codec=codec, prefix=prefix, now_ms=now_ms, page=page)
    return RedisConnection(shared)


async def refuse_eviction(primary: Primary) -> None:
    (raw,) = checked(await primary.ask([("INFO", "memory")]))
    policy = parse_info(raw).get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis would throw sessions away when it is full: set its maxmemory-policy to noeviction (it is {policy})"
        )


async def agree_on_layout(primary: Primary, prefix: str) -> None:
    """The first worker writes the layout, the others compare."""
    key = f"{prefix}:layout"
    (found,) = checked(await primary.ask([("HMGET", key, "format", "buckets")]))
    if found == [None, None]:
        writes = [("HSETNX", key, "format", FORMAT), ("HSETNX", key, "buckets", BUCKETS)]
        *_, found = checked(await primary.ask([*writes, ("HMGET", key, "format", "buckets")]))
    if found != [str(FORMAT).encode(), str(BUCKETS).encode()]:
        raise ConfigurationError(
            f"{key} in Redis was written by another version of streamer (format, buckets: "
            f"{', '.join((value or b'-').decode() for value in found)}; this one: {FORMAT}, {BUCKETS}): "
            "use the version that wrote it, or another redis.key_prefix"
        )
