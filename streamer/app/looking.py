"""What people are told of sessions, one by one and together. Nothing here changes anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamer.adapters.kafka import lag as kafka_lag
from streamer.adapters.redis_sessions import RedisConnection, RedisSessionStore
from streamer.adapters.redis_sessions.load import LoadReader
from streamer.adapters.redis_sessions.reader import Kept, RedisReader
from streamer.core.interpret import owns
from streamer.core.session import SessionRef, SessionState
from streamer.core.session_id import SESSION_KEYS
from streamer.core.status import Load, Now, SessionLine, Wanted
from streamer.core.watermark import watermark_of
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings, Source

KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a session."""

    session: SessionRef
    state: SessionState
    """With the turns that are its own."""
    kept: Kept


def source_named(settings: Settings, name: str) -> Source:
    """ConfigurationError if there is none."""
    found = next((source for source in settings.sources if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in settings.sources)
        raise ConfigurationError(f"--source {name!r} is not configured; known are {known}")
    return found


def keys_of(ref: SessionRef) -> list[str]:
    """Whoever names a session may have its id, or the key that log lines name it by."""
    return [ref.key, *([ref.session_id] if KEY.fullmatch(ref.session_id) else [])]


async def now_of(redis: RedisConnection, settings: Settings) -> Now:
    store = redis.handle()
    marks = {source.name: watermark_of((await store.progress(source.name)).values()) for source in settings.sources}
    return Now(await store.time_ms(), marks)


async def session_lines(redis: RedisConnection, settings: Settings, limit: int, wanted: Wanted) -> list[SessionLine]:
    return await RedisReader(redis.shared).sessions(limit, await now_of(redis, settings), wanted)


async def known(redis: RedisConnection, settings: Settings, ref: SessionRef, state: SessionState) -> Known | None:
    """None if it has gone meanwhile."""
    kept = await RedisReader(redis.shared).kept(ref.key, await now_of(redis, settings))
    return None if kept is None else Known(ref, state, kept)


async def owned(
    store: RedisSessionStore, settings: Settings, ref: SessionRef, state: SessionState
) -> tuple[SessionRef, SessionState]:
    """The session with the turns that are its own: others' may be kept beside them."""
    facts = await store.facts(ref.scope, sorted(state.members))
    keys = session_keys(settings).get(ref.scope.source, SESSION_KEYS)
    mine = {t: turn for t, turn in state.turns.items() if t in state.members}
    turns = {t: turn for t, turn in mine.items() if t not in facts or owns(ref.session_id, t, facts[t], keys)}
    return ref, replace(state, turns=turns)


def session_keys(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    return {source.name: source.session_keys for source in settings.sources}


async def load_now(redis: RedisConnection, settings: Settings) -> Load:
    """Without what fails: for the metrics, several times a minute."""
    return await LoadReader(redis.shared).load(await now_of(redis, settings), failures=False)


async def load_of(redis: RedisConnection, settings: Settings) -> dict[str, Any]:
    """Figures of `status` by name: what is due and under way, what fails, how many records are unread."""
    load = await LoadReader(redis.shared).load(await now_of(redis, settings))
    said = {name: value for name, value in load._asdict().items() if name not in ("failures", "stuck")}
    said |= {f"stuck.{owed}": count for owed, count in sorted(load.stuck.items())}
    said |= {f"failures.{kind}": count for kind, count in sorted(load.failures.items())}
    for source in settings.sources:
        partitions = sorted(await redis.handle().progress(source.name))
        said[f"lag_records.{source.name}"] = _lag(settings, partitions)
    return said


def _lag(settings: Settings, partitions: list[Any]) -> int | None:
    """None where nothing is known yet, or Kafka does not say: the rest of the figures is worth having then too."""
    try:
        return kafka_lag.lag(settings.kafka.connection(), settings.kafka.group, partitions) if partitions else None
    except StreamerError:
        return None
