"""What streamer's user in Redis must be allowed, and whether it is: asked at the start, all of it at once.

Rule: a right that is missing would otherwise be met in the middle of a script, whose first half has been done by then.
Each command is tried in a way that changes nothing; what Redis answers does not matter, unless it is a refusal.
"""

import re
from collections.abc import Sequence

from redis import exceptions as redis_errors

from streamer.adapters.redis_sessions.connection import Primaries
from streamer.adapters.redis_sessions.scripts import Argument
from streamer.errors import ConfigurationError

_ON_A_HASH: tuple[tuple[Argument, ...], ...] = (
    ("HDEL", "-"),
    ("HEXISTS", "-"),
    ("HGET", "-"),
    ("HGETALL",),
    ("HINCRBY", "buckets", 0),
    ("HINCRBYFLOAT", "buckets", 0),
    ("HKEYS",),
    ("HLEN",),
    ("HMGET", "-"),
    ("HSET",),
    ("HSETNX", "format", 0),
    ("HVALS",),
    # Of the wrong type for these.
    ("GET",),
    ("INCRBY", 0),
    ("LPUSH", "-"),
    ("LRANGE", 0, 0),
    ("LREM", 0, "-"),
    ("LSET", 0, "-"),
    ("LTRIM", 0, 0),
    ("RPUSH", "-"),
    ("SADD", "-"),
    ("SMEMBERS",),
    ("SREM", "-"),
    ("XADD", "*", "-", "-"),
    ("XRANGE", "-", "+"),
    ("XREVRANGE", "+", "-"),
    ("ZADD", 0, "-"),
    ("ZCARD",),
    ("ZCOUNT", 0, 0),
    ("ZRANGE", 0, 0),
    ("ZRANGEBYSCORE", 0, 0),
    ("ZREM", "-"),
    ("ZREVRANGEBYSCORE", 0, 0),
    ("ZSCAN", 0),
    ("ZSCORE", "-"),
)
"""Name and what stands behind the key: `<prefix>:layout`, which is there and has the fields `format` and `buckets`."""
_ON_NOTHING: tuple[tuple[Argument, ...], ...] = (
    ("EXISTS",),
    ("PERSIST",),
    ("PEXPIRE", 1),
    ("SET", "", "XX"),
    ("UNLINK",),
)
"""The same, of a key that is not there."""
_WITHOUT_KEY: tuple[tuple[Argument, ...], ...] = (
    ("INFO", "server"),
    ("TIME",),
    ("WAIT", 0, 0),
    ("SCAN", 0, "COUNT", 1),
    ("SCRIPT", "LOAD", "return 1"),
)
COMMANDS = tuple(
    sorted(
        {
            *(str(name).lower() for name, *_ in (*_ON_A_HASH, *_ON_NOTHING, *_WITHOUT_KEY) if name != "SCRIPT"),
            "script|load",
            "evalsha",
            "client|setname",
        }
    )
)
_NAMED = re.compile(r"'([a-z|]+)' command")


def rules(prefix: str) -> str:
    """As ACL SETUSER takes them, but for name and password."""
    return " ".join((f"~{prefix}:*", "resetchannels", "-@all", *(f"+{command}" for command in COMMANDS)))


async def refuse_missing_rights(primary: Primaries, prefix: str, layout_format: int) -> None:
    """ConfigurationError that names every right which is missing."""
    layout, absent = f"{prefix}:layout", f"{prefix}:none"
    tried: list[tuple[Argument, ...]] = [
        *((name, layout, *(rest or ("format", layout_format) * (name == "HSET"))) for name, *rest in _ON_A_HASH),
        *((name, absent, *rest) for name, *rest in _ON_NOTHING),
        ("EVALSHA", "0" * 40, 1, layout),
        *_WITHOUT_KEY,
    ]
    missing: set[str] = set()
    for node in await primary.nodes():
        missing |= _refused(tried, await node.send(tried))
    if missing:
        raise ConfigurationError(
            f"the Redis user lacks {', '.join(sorted(missing))}: ACL SETUSER <user> {' '.join(sorted(missing))}; "
            'all that it needs: "Rights in Redis" in docs/operations.md'
        )


def _refused(tried: Sequence[tuple[Argument, ...]], replies: Sequence[object]) -> set[str]:
    """The rules that would allow what was not."""
    missing = set()
    for (_, key, *_), reply in zip(((*command, "") for command in tried), replies, strict=True):
        if isinstance(reply, redis_errors.NoPermissionError):
            named = _NAMED.search(str(reply))
            missing.add(f"+{named[1]}" if named else f"~{str(key).partition(':')[0]}:*")
    return missing
