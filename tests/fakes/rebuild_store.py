"""The store as a rebuild needs it, on the Python twin of its script."""

from streamer.core.ids import bucket_of_session
from streamer.core.session import Restoration
from tests.fakes.redis_state import Bucket
from tests.fakes.session_store import FakeSessionStore


def restore(b: Bucket, now: int, key: str, what: Restoration) -> bool:
    found = b.session(key)
    if found is None or found.version != what.version or found.lease > now:
        return False
    s = b.edit(("s", key), found)
    s.turns.update({turn.trace_id: turn for turn in what.turns})
    s.ledger = {**what.entries, **s.ledger}
    s.rows |= what.rows
    s.pace = what.pace
    s.count(what.look, b.limits, what.size)
    b.edit(("sessions",), dict[str, int]())[key] = now
    if what.rests is not None:
        s.judged, s.reason, s.opened = s.version, what.rests, None
        b.move(s.ref, None)
        b.edit(("sweep",), dict[str, int]())[key] = now + b.limits.late_ms
    return True


class FakeRebuildStore(FakeSessionStore):
    async def restore(self, key: str, what: Restoration) -> bool:
        return await self._run(bucket_of_session(key), lambda b, now: restore(b, now, key, what))

    async def set_rebuilt(self, until_ms: int) -> None:
        await self._set("rebuilt", until_ms)
