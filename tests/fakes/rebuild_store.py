"""The store as a rebuild needs it, on the Python twin of its script."""

from collections.abc import Iterable, Mapping, Sequence

from streamer.core.assessment import RowRef
from streamer.core.close_reason import CloseReason
from streamer.core.ids import bucket_of_session
from streamer.core.ledger import Entry
from streamer.core.rules import Pace
from streamer.core.session import NEVER, NOTHING, Look, Size
from streamer.core.turn import Turn
from tests.fakes.redis_state import Bucket
from tests.fakes.session_store import FakeSessionStore


def restore(
    b: Bucket,
    now: int,
    key: str,
    version: int,
    pace: Pace,
    turns: Sequence[Turn],
    entries: Mapping[str, Entry],
    rows: Iterable[RowRef],
    rests: CloseReason | None,
    size: Size = NOTHING,
    look: Look = NEVER,
) -> bool:
    found = b.session(key)
    if found is None or found.version != version or found.lease > now:
        return False
    s = b.edit(("s", key), found)
    s.turns.update({turn.trace_id: turn for turn in turns})
    s.ledger = {**entries, **s.ledger}
    s.rows |= set(rows)
    s.pace = pace
    s.count(look, b.limits, size)
    b.edit(("sessions",), dict[str, int]())[key] = now
    if rests is not None:
        s.judged, s.reason, s.opened = s.version, rests, None
        b.move(s.ref, None)
        b.edit(("sweep",), dict[str, int]())[key] = now + b.limits.late_ms
    return True


class FakeRebuildStore(FakeSessionStore):
    async def restore(
        self,
        key: str,
        version: int,
        pace: Pace,
        turns: Sequence[Turn],
        entries: Mapping[str, Entry],
        rows: Iterable[RowRef],
        rests: CloseReason | None,
        size: Size = NOTHING,
        look: Look = NEVER,
    ) -> bool:
        def body(b: Bucket, now: int) -> bool:
            return restore(b, now, key, version, pace, turns, entries, rows, rests, size, look)

        return await self._run(bucket_of_session(key), body)

    async def set_rebuilt(self, until_ms: int) -> None:
        await self._set("rebuilt", until_ms)
