"""The store as an evaluation needs it, on the Python twin of its scripts."""

from collections.abc import Mapping, Sequence

from streamer.core.claim_log import ClaimNote
from streamer.core.ids import bucket_of_trace
from streamer.core.session import Claim, Handover, NotTaken, SessionRef
from tests.fakes import redis_log as log
from tests.fakes.rebuild_store import FakeRebuildStore
from tests.fakes.redis_config import is_paused
from tests.fakes.redis_state import Bucket, SessionRow, TraceRow


def remember_trace(b: Bucket, now: int, name: str, owner: str) -> int:
    found: TraceRow | None = b.keys.get(("t", name))
    if found is not None:
        return 0 if found.erased else found.version
    version = b.next_version(0, now)
    b.edit(("t", name), TraceRow(candidates={owner}, version=version, owner=owner, swept=True))
    return version


def take(b: Bucket, now: int, ref: SessionRef, what: Handover, epoch: int) -> Claim | NotTaken:
    if is_paused(b):
        return "paused"
    found = b.session(ref.key)
    if (found.version if found else 0) != what.version:
        return "changed"
    goes_on = found is not None and found.handed and found.version == found.judged and found.lease <= now
    if found is not None and not goes_on and (not found.at_rest() or b.indexes_of(ref)):
        return "open"
    s = b.edit(("s", ref.key), SessionRow(ref))
    for turn in what.turns:
        if s.members.get(turn.trace_id, 0) < turn.version:
            s.members[turn.trace_id] = turn.version
            s.version += 1
        s.turns[turn.trace_id] = turn
    s.ledger = {**what.entries, **s.ledger}
    s.rows |= what.rows
    interrupted = s.token != s.settled
    s.judged, s.activity, s.pace, s.handed = s.version, max(s.activity, what.activity_ms), what.pace, True
    s.token, s.lease = b.next_token(s.token, now), now + b.limits.lease_ms
    b.edit(("sessions",), dict[str, int]())[ref.key] = now
    b.edit(("sweep",), dict[str, int]()).pop(ref.key, None)
    b.move(ref, "again", s.lease)
    log.add(s, ClaimNote(s.token, now, "taken", interrupted, s.version, activity_ms=s.activity))
    return Claim(
        session=ref,
        token=s.token,
        generation=b.get(("config",), dict[str, int]()).get("generation", 1),
        watermark_ms=-1,
        claimed_at_ms=now,
        due="taken",
        interrupted=interrupted,
        state=s.state(),
        epoch=epoch,
        backfill=True,
    )


class FakeEvaluateStore(FakeRebuildStore):
    async def remember_traces(self, session: SessionRef, trace_ids: Sequence[str]) -> Mapping[str, int]:
        versions = {}
        for trace_id in trace_ids:
            name = f"{session.scope}|{trace_id}"
            versions[trace_id] = await self._run(
                bucket_of_trace(trace_id),
                lambda b, now, name=name: remember_trace(b, now, name, session.session_id),  # type: ignore[misc]
            )
        return versions

    async def take(self, session: SessionRef, what: Handover) -> Claim | NotTaken:
        epoch = self.seen[self.redis.node(session.bucket)]
        return await self._run(session.bucket, lambda b, now: take(b, now, session, what, epoch))
