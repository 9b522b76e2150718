"""The audit's scripts on Python values; see redis_scripts."""

from streamer.core.ids import Scope
from streamer.core.session import Expired, Forgotten, Sweep
from tests.fakes.redis_scripts import open_intents
from tests.fakes.redis_state import Bucket, SessionRow, TraceRow


def inspect(b: Bucket, now: int) -> tuple[list[Sweep], list[tuple[Scope, str]]]:
    for s in b.sessions():
        if s.intents and open_intents(s, now, b.limits) != s.intents:
            s = b.edit(("s", s.ref.key), s)
            s.intents = open_intents(s, now, b.limits)
        if not s.at_rest() and not b.indexes_of(s.ref):
            b.move(s.ref, "again", now)
    due = sorted(key for key, at in b.scores("sweep").items() if at <= now)
    expired = sorted(name for name, at in b.scores("parked").items() if at <= now)
    rows = [row for row in (b.session(key) for key in due) if row is not None]
    sweeps = [Sweep(r.ref, r.version, versions_of(r)) for r in rows]
    return sweeps, [trace_name(name) for name in expired]


def versions_of(s: SessionRow) -> dict[str, int | None]:
    return {**dict.fromkeys(s.members, None), **{trace: turn.version for trace, turn in s.turns.items()}}


def trace_name(name: str) -> tuple[Scope, str]:
    """A tenant may hold a `|` of its own."""
    source, _, rest = name.partition("|")
    tenant, _, trace_id = rest.rpartition("|")
    return Scope(source, tenant), trace_id


def sweep_trace(b: Bucket, name: str, owner: str, turn_version: int | None) -> bool:
    found: TraceRow | None = b.keys.get(("t", name))
    if found is None or not found.frames or found.version != turn_version:
        return False
    t = b.edit(("t", name), found)
    t.frames, t.swept, t.owner = {}, True, owner
    return True


def finish_sweep(b: Bucket, sweep: Sweep) -> bool:
    s = b.session(sweep.session.key)
    if s is None or s.version != sweep.version or not s.at_rest():
        return False
    b.edit(("s", sweep.session.key), s).answers = {}
    b.edit(("sweep",), dict[str, int]()).pop(sweep.session.key, None)
    return True


def expire_parked(b: Bucket, now: int, name: str) -> Expired | None:
    if b.scores("parked").get(name, now + 1) > now:
        return None
    found: TraceRow | None = b.keys.get(("t", name))
    b.edit(("parked",), dict[str, int]()).pop(name)
    b.drop(("t", name))
    return "refused" if found is not None and found.candidates else "no_session"


def forget(b: Bucket, now: int, rest_ms: int) -> list[Forgotten]:
    stale = sorted(
        (changed, key)
        for key, changed in b.scores("sessions").items()
        if changed + rest_ms <= now and (s := b.session(key)) is not None and s.at_rest() and not b.indexes_of(s.ref)
    )
    forgotten = [Forgotten(s.ref, dict(s.members)) for _, key in stale if (s := b.session(key)) is not None]
    for _, key in stale:
        b.edit(("sessions",), dict[str, int]()).pop(key)
        b.edit(("sweep",), dict[str, int]()).pop(key, None)
        b.drop(("s", key))
    return forgotten


def drop_trace(name: str, owner: str, version: int, b: Bucket, now: int) -> bool:
    found: TraceRow | None = b.keys.get(("t", name))
    if found is None or found.version != version or found.erased:
        return False
    if found.owner not in (None, owner) or found.candidates - {owner}:
        return False
    b.drop(("t", name))
    return True
