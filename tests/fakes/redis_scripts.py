"""The scripts of ingest and judge on Python values: the readable twin of streamer/adapters/lua.

Rule: each function here is one script: it touches one bucket and is atomic. tests/contract/test_session_store.py drives
these and the Lua side by side and compares every reply; the simulation runs on these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from streamer.core.assessment import RowRef
from streamer.core.claim_log import ClaimNote, said_of
from streamer.core.close_reason import INTERIM
from streamer.core.ids import Scope
from streamer.core.lifecycle import Limits
from streamer.core.rules import Pace
from streamer.core.session import Begun, Claim, Facts, Look, Outcome, SessionRef, Wake
from streamer.core.turn import Turn
from streamer.core.wire.records import Fragment
from streamer.ports import Saved
from tests.fakes import redis_log as log
from tests.fakes.redis_config import is_paused, said
from tests.fakes.redis_state import Bucket, SessionRow, TraceRow


def save_fragments(b: Bucket, now: int, source: str, fragments: Iterable[Fragment]) -> dict[tuple[str, str], Saved]:
    saved = {}
    for f in fragments:
        name = f"{source}|{f.tenant}|{f.trace_id}"
        t = b.edit(("t", name), TraceRow())
        if t.erased:
            saved[f.tenant, f.trace_id] = Saved((), 0, False)
            continue
        new = f.digest not in t.frames
        if new:
            t.frames[f.digest] = f.frame
            t.version = b.next_version(t.version, now)
        named = set(f.candidates) - t.candidates
        t.candidates |= named
        t.ends = t.ends or f.ends_session
        parked = b.edit(("parked",), dict[str, int]())
        if named:
            parked.pop(name, None)
        elif new and not t.candidates:
            parked[name] = now + b.limits.parked_ms
        saved[f.tenant, f.trace_id] = Saved(tuple(sorted(t.candidates)), t.version, t.ends)
    return saved


def wake(b: Bucket, now: int, w: Wake) -> bool:
    """False: the session is shared by everybody and takes no more traces."""
    known = b.session(w.session.key)
    version = known.members.get(w.trace_id, 0) if known else 0
    takes = bool(version) or known is None or len(known.members) < b.limits.traces_max
    if version >= w.version or (not takes and known and known.shared):
        return takes
    s = b.edit(("s", w.session.key), SessionRow(w.session))
    if takes:
        s.members[w.trace_id] = w.version
    s.shared = s.shared or not takes
    s.version += 1
    s.activity = max(s.activity, w.activity_ms)
    s.opened = w.activity_ms if s.opened is None else s.opened
    if w.ends_session and takes:
        s.ended = max(s.ended or 0, w.activity_ms)
    s.grow(w.span_bytes if takes else 0, b.limits)
    s.handed, s.missing, s.looks = False, None, 0
    b.edit(("sessions",), dict[str, int]())[w.session.key] = now
    if s.lease <= now:
        s.lease = 0
        b.edit(("sweep",), dict[str, int]()).pop(w.session.key, None)
        b.move_to_quiet(s)
    return takes


def wake_all(b: Bucket, now: int, wakes: Iterable[Wake]) -> set[tuple[SessionRef, str]]:
    return {(w.session, w.trace_id) for w in wakes if not wake(b, now, w)}


def park(b: Bucket, now: int, name: str) -> None:
    if ("t", name) in b.keys:
        b.edit(("parked",), dict[str, int]())[name] = now + b.limits.parked_ms


def end_session(b: Bucket, now: int, ref: SessionRef, at_ms: int) -> None:
    s = b.edit(("s", ref.key), SessionRow(ref))
    s.ended = max(s.ended or 0, at_ms)
    b.edit(("sessions",), dict[str, int]())[ref.key] = now
    if s.lease <= now and (s.version > s.judged or s.reason in INTERIM):
        s.lease = 0
        b.move_to_quiet(s)


def facts(b: Bucket, now: int, name: str) -> Facts | None:
    row: TraceRow | None = b.keys.get(("t", name))
    return None if row is None else row.facts()


def adopt(b: Bucket, name: str, session_id: str) -> int:
    """A claim's reading found an owner that no scan had named; the trace's version, 0 if nothing is kept."""
    found: TraceRow | None = b.keys.get(("t", name))
    if found is None:
        return 0
    if session_id in found.candidates:
        return found.version
    t = b.edit(("t", name), found)
    t.candidates.add(session_id)
    b.edit(("parked",), dict[str, int]()).pop(name, None)
    return t.version


# ---------------------------------------------------------------- judge


def due_sessions(b: Bucket, now: int, limit: int, watermarks: Mapping[str, int], turn: int) -> list[tuple[str, str]]:
    """(key, index) of up to `limit` sessions, one of each scope in turn: first what waits in `again`, then `quiet`."""
    scopes = b.scopes()
    queues = []
    for scope in (scopes[(turn + n) % len(scopes)] for n in range(len(scopes))):
        queue = []
        for name, until in (("again", now), ("quiet", watermarks.get(scope.source, -1))):
            ripe = sorted([(score, key) for key, score in b.scores(name, *scope).items() if score <= until])
            queue += [(key, name) for _, key in ripe[:limit]]
        queues.append(queue)
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[n] for n in range(longest) for queue in queues if n < len(queue)][:limit]


def claim(
    b: Bucket, now: int, limit: int, watermarks: Mapping[str, int], generation: int, turn: int, epoch: int
) -> list[Claim]:
    config = said(b)
    if config.get("generation", 1) > generation or is_paused(b):
        return []
    claims = []
    for key, index in due_sessions(b, now, limit, watermarks, turn):
        s = b.edit(("s", key), SessionRow(SessionRef(Scope("", ""), "")))
        interrupted = s.token != s.settled
        s.token = b.next_token(s.token, now)
        s.lease = now + b.limits.lease_ms
        b.edit(("sweep",), dict[str, int]()).pop(key, None)
        b.move(s.ref, "again", s.lease)
        mark = watermarks.get(s.ref.scope.source, -1)
        due: Literal["quiet", "again"] = "quiet" if index == "quiet" else "again"
        seen = (s.activity, s.opened, s.ended, s.full, *s.closed_size)
        log.add(s, ClaimNote(s.token, now, due, interrupted, s.version, mark, *seen))
        claims.append(
            Claim(
                session=s.ref,
                token=s.token,
                generation=generation,
                watermark_ms=mark,
                claimed_at_ms=now,
                due=due,
                interrupted=interrupted,
                state=s.state(),
                epoch=epoch,
                backfill=s.handed or s.activity <= config.get("rebuilt", 0),
            )
        )
    return claims


def holds(b: Bucket, now: int, c: Claim) -> bool:
    s = b.session(c.session.key)
    return s is not None and s.token == c.token and s.lease > now


def renew(b: Bucket, now: int, c: Claim) -> bool:
    if not holds(b, now, c):
        return False
    s = b.edit(("s", c.session.key), SessionRow(c.session))
    s.lease = now + b.limits.lease_ms
    b.move(c.session, "again", s.lease)
    return True


def release(b: Bucket, now: int, c: Claim, pace: Pace, wait_until_ms: int, look: Look) -> None:
    s = b.session(c.session.key)
    if s is None or s.token != c.token:
        return
    s = b.edit(("s", c.session.key), s)
    s.lease, s.pace, s.settled = 0, pace, s.settled if c.interrupted else s.token
    s.count(look, b.limits)
    if s.version == c.state.version:
        b.move(c.session, "quiet", wait_until_ms)
    else:
        wait_until_ms = b.move_to_quiet(s)
    log.end(s, now, c.token, "released", detail=str(wait_until_ms))


def put_back(b: Bucket, now: int, c: Claim, in_ms: int) -> None:
    s = b.session(c.session.key)
    if s is None or s.token != c.token:
        return
    s = b.edit(("s", c.session.key), s)
    s.lease, s.settled = 0, s.settled if c.interrupted else s.token
    b.move(c.session, "again", now + in_ms)
    log.end(s, now, c.token, "put_back")


def keep_turns(b: Bucket, now: int, c: Claim, turns: Sequence[Turn], pace: Pace) -> bool:
    if not holds(b, now, c):
        return False
    s = b.edit(("s", c.session.key), SessionRow(c.session))
    s.turns.update({turn.trace_id: turn for turn in turns})
    s.pace = pace
    return True


def open_intents(s: SessionRow, now: int, limits: Limits) -> dict[int, int]:
    return {token: since for token, since in s.intents.items() if now - since < limits.zombie_ms_max}


def begin_write(b: Bucket, now: int, c: Claim, rows: Iterable[RowRef]) -> Begun | None:
    if not holds(b, now, c):
        return None
    s = b.edit(("s", c.session.key), SessionRow(c.session))
    s.intents = open_intents(s, now, b.limits)
    crowded = any(token != c.token for token in s.intents)
    s.rows |= set(rows)
    s.intents[c.token] = now
    log.edit(s, c.token, lambda note: note._replace(writing_ms=now))
    return Begun(frozenset(s.rows), crowded)


def end_write(b: Bucket, now: int, c: Claim, out: Outcome) -> bool:
    """`out.reason` None: nothing is completed, only the own intent dropped."""
    s = b.session(c.session.key)
    if s is None:
        return False
    s = b.edit(("s", c.session.key), s)
    if not out.doubtful:
        s.intents.pop(c.token, None)
    if s.token != c.token or out.reason is None:
        _stale(b, now, s, out)
        log.end(s, now, c.token, "refused")
        return False
    s.lease, s.settled, s.reason = 0, s.token, out.reason
    s.judged = max(s.judged, out.version)
    s.ledger.update(out.entries)
    s.full = None
    s.count(out.look, b.limits, out.size)
    log.end(s, now, c.token, "completed", out.reason, said_of(out.entries))
    s.missing = (s.missing or now) if out.first_missing or out.looking else None
    s.intents = open_intents(s, now, b.limits)
    crowded = bool(s.intents) or out.crowded
    if not crowded:
        pruned = {row for row in s.rows if out.retracted or row.judge in out.placed}
        s.rows -= pruned - out.rows
        s.wipe = s.wipe and not out.retracted
    b.edit(("sessions",), dict[str, int]())[c.session.key] = now
    _next_index(b, now, s, out, crowded)
    return True


def _stale(b: Bucket, now: int, s: SessionRow, out: Outcome) -> None:
    if not out.begun:
        return
    s.rows |= out.rows
    s.mend = True
    if s.lease <= now and "quiet" not in b.indexes_of(s.ref):
        b.move(s.ref, "again", now)


def _next_index(b: Bucket, now: int, s: SessionRow, out: Outcome, crowded: bool) -> None:
    if s.version > s.judged:
        s.opened = s.activity
        b.move_to_quiet(s)
        return
    s.opened, s.mend = None, False
    look = crowded or (out.looking and s.looks < b.limits.looks_max)
    if look:
        s.looks += 1
        at = now + b.limits.look_ms * 2 ** min(s.looks - 1, 4)
        b.move(s.ref, "again", at if out.next_in_ms is None else min(at, now + out.next_in_ms))
    elif out.next_in_ms is not None:
        b.move(s.ref, "again", now + out.next_in_ms)
    elif s.reason in INTERIM:
        s.looks = 0
        b.move_to_quiet(s)
    else:
        s.looks = 0
        b.move(s.ref, None)
        b.edit(("sweep",), dict[str, int]())[s.ref.key] = now + b.limits.late_ms


# ---------------------------------------------------------------- audit
