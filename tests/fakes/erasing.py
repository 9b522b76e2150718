"""The scripts `erase` and `erase_trace` on Python values, and the store's side of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from streamer.core.claim_log import ClaimNote
from streamer.core.ids import Scope, bucket_of_trace
from streamer.core.ledger import Entry
from streamer.core.session import NOTHING, SessionRef
from streamer.core.turn import Turn
from tests.fakes import redis_log as log
from tests.fakes.redis_state import Bucket, TraceRow

Erased = Literal["erased", "grown", "unknown"]


def erase(b: Bucket, now: int, key: str, version: int, entries: Mapping[str, Entry], turn: Turn | None) -> Erased:
    found = b.session(key)
    if found is None:
        return "unknown"
    if found.version != version:
        return "grown"
    s = b.edit(("s", key), found)
    s.members, s.answers, s.ledger = {}, {}, dict(entries)
    s.turns = {} if turn is None else {turn.trace_id: turn}
    s.opened = s.ended = s.pace = s.missing = s.reason = s.full = s.look = None
    s.closed_size, s.span_bytes = NOTHING, 0
    s.looks, s.shared, s.lease, s.wipe = 0, False, 0, True
    s.token, s.version = b.next_token(s.token, now), s.version + 1
    s.settled = s.erased = s.token
    log.add(s, ClaimNote(s.token, now, "erase", False, s.version, ending="erased", ended_ms=now))
    b.edit(("sessions",), dict[str, int]())[key] = now
    b.edit(("sweep",), dict[str, int]()).pop(key, None)
    b.move(s.ref, "again", now)
    return "erased"


def erase_trace(b: Bucket, name: str, owner: str, version: int) -> bool:
    found: TraceRow | None = b.keys.get(("t", name))
    if found is None:
        return True
    if found.version != version:
        return False
    t = b.edit(("t", name), found)
    t.frames, t.erased, t.swept, t.owner = {}, True, True, owner
    b.edit(("parked",), dict[str, int]()).pop(name, None)
    return True


class Erasing:
    """A side of FakeSessionStore."""

    _run: Callable[..., Awaitable[Any]]

    async def erase(self, session: SessionRef, version: int, entries: Mapping[str, Entry], turn: Turn | None) -> Erased:
        said: Erased = await self._run(
            session.bucket, lambda b, now: erase(b, now, session.key, version, entries, turn), wait=True
        )
        return said

    async def erase_trace(self, scope: Scope, trace_id: str, owner: str, version: int) -> bool:
        name = f"{scope}|{trace_id}"
        return bool(
            await self._run(bucket_of_trace(trace_id), lambda b, now: erase_trace(b, name, owner, version), wait=True)
        )
