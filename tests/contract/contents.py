"""Everything that a store holds, as plain values, so that the twin and Redis can be compared key by key."""

from collections.abc import Callable
from typing import Any

from redis import Redis

from streamer.adapters.redis_sessions.judge import read_facts, read_pace, read_ref, read_row
from streamer.adapters.redis_sessions.reader import read_note
from streamer.core import turn_codec
from streamer.core.ledger import Entry
from streamer.core.model import Completion
from tests.fakes.redis_state import Bucket, SessionRow
from tests.fakes.session_store import SHARED, FakeRedis

Contents = dict[tuple[str, ...], Any]
COUNTED = ("look_traces", "look_bytes", "closed_turns", "closed_bytes")
NUMBERS = (
    *COUNTED,
    "version",
    "judged",
    "activity",
    "opened",
    "ended",
    "token",
    "settled",
    "lease",
    "looks",
    "missing",
    "mend",
    "shared",
    "span_bytes",
    "full",
    "erased",
    "wipe",
    "handed",
)


def of_fake(redis: FakeRedis) -> Contents:
    held: Contents = {}
    for number, bucket in redis.buckets.items():
        if number != SHARED:
            held.update(of_bucket(f"{number:02x}", bucket))
    return held


def of_bucket(tag: str, bucket: Bucket) -> Contents:
    held: Contents = {}
    for key, value in bucket.keys.items():
        name = (tag, ":".join((key[0], "|".join(key[1:]))) if len(key) > 1 else key[0])
        if key[0] == "s":
            held.update(of_row(tag, value))
        elif key[0] == "t":
            held[name] = (value.facts(), value.ends)
        elif key[0] == "config":
            held[name] = {field: int(setting) for field, setting in value.items() if field != "content"}
        elif value:
            held[name] = dict(value)
    return held


def of_row(tag: str, row: SessionRow) -> Contents:
    base = f"s:{row.ref.key}"
    look = row.look or (0, 0)
    counted = dict(zip(COUNTED, (*look, *row.closed_size), strict=True))
    fields = {field: int(counted.get(field, getattr(row, field, 0)) or 0) for field in NUMBERS}
    parts: dict[str, dict[Any, Any]] = {
        "m": row.members,
        "t": row.turns,
        "a": row.answers,
        "r": {ref.assessment_id: ref for ref in row.rows},
        "i": row.intents,
        "l": row.ledger,
        "c": dict(enumerate(row.log)),
    }
    held: Contents = {(tag, f"{base}:{part}"): dict(value) for part, value in parts.items() if value}
    return {(tag, base): (row.ref, row.reason, row.pace, fields), **held}


def of_redis(client: Redis, prefix: str) -> Contents:
    held: Contents = {}
    raw: Any
    for raw in client.scan_iter(f"{prefix}:{{??}}:*", count=1_000):
        tag, _, name = raw.decode().removeprefix(f"{prefix}:{{").partition("}:")
        if name != "scopes":
            held[tag, name] = read(client, raw, name)
    return held


def read(client: Redis, raw: bytes, name: str) -> Any:
    if name.partition(":")[0] in ("quiet", "again", "parked", "sweep", "sessions"):
        found: Any = client.zrange(raw, 0, -1, withscores=True)
        return {member.decode(): int(score) for member, score in found}
    if name.startswith("s:") and name.endswith(":c"):
        notes: Any = client.lrange(raw, 0, -1)
        return dict(enumerate(read_note(note) for note in notes))
    row: Any = client.hgetall(raw)
    kind, _, rest = name.partition(":")
    if kind == "t":
        return read_facts([part for pair in row.items() for part in pair]), b"e" in row
    if kind == "config":
        return {field.decode(): int(value) for field, value in row.items() if field != b"content"}
    if ":" not in rest:
        return read_session(row)
    parts: list[tuple[Any, Any]] = [read_part(rest[-1], field, value) for field, value in row.items()]
    return dict(parts)


def read_session(row: dict[bytes, bytes]) -> Any:
    fields = {field: int(row.get(field.encode(), 0)) for field in NUMBERS}
    return read_ref(row), row.get(b"reason", b"").decode() or None, read_pace(row), fields


def read_part(part: str, field: bytes, value: bytes) -> tuple[Any, Any]:
    readers: dict[str, Callable[[bytes], Any]] = {
        "m": int,
        "t": lambda raw: turn_codec.unpack(raw.partition(b":")[2]),
        "a": Completion.from_json,
        "r": lambda raw: read_row(field, raw),
        "i": int,
        "l": Entry.from_json,
    }
    return int(field) if part == "i" else field.decode(), readers[part](value)
