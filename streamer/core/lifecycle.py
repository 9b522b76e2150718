"""When a session may be closed: the state table's arithmetic (docs/decisions/state-table.md).

Rule: everything here is in record time. An explicit end counts until a fact comes more than `settle_ms` after it; the
maximum age counts from the first fact since the last completed closing. Maximum age, turns and bytes close a session
for the time being: its last closing, by quiet or an end, is still to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streamer.core.close_reason import CloseReason
from streamer.core.fullness import Most, filled_by, look_of, size_of
from streamer.core.rules import Pace, Rule
from streamer.core.session import NEVER, NOTHING, Look, SessionState, Size
from streamer.core.turn import Turn

DAY_MS = 86_400_000
IN_FORCE_MS = 30_000
"""A configuration stays in force so long after a worker of it was last heard, and each tells every 10 s. Until then a
worker with an older one is a restarted one of the last deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every duration of the protocol, in ms. Settings check the relations between them."""

    gap_ms_min: int = 900_000
    """The smallest quiet gap that any rule gives: until a claim has found the session's rule, this one counts."""
    max_age_ms: int = DAY_MS
    max_turns: int | None = None
    """A session that has gained so many turns since its last closing is judged for the time being: here too the
    smallest of any rule, which ingest goes by until a claim has said where it wants to look. None: no rule has one."""
    max_bytes: int | None = None
    """The same of the bytes of what was said in them."""
    settle_ms: int = 10_000
    """Spans still come after an explicit end: collectors batch for seconds (batch processor: 200 ms; SDKs: 5 s). Like
    gap and age the smallest that any rule gives, until a claim has found the session's own."""
    settle_ms_max: int = 0
    """The greatest that any rule gives, if it is greater: until a claim has found the rule, an end counts so long."""
    trace_timeout_ms: int = 1_200_000
    """A trace whose root was not seen keeps its session open so long."""
    lease_ms: int = 15_000
    renew_ms: int = 5_000
    late_ms: int = 600_000
    """Raw facts outlive the closing by this, for late spans."""
    parked_ms: int = 3_600_000
    """A trace that nobody gave a session is kept so long."""
    trace_wait_ms: int = 600_000
    """After a 404 of the first trace for so long the verdict goes on the next earliest trace that MLflow has."""
    look_ms: int = 60_000
    looks_max: int = 8
    delivery_retry_ms: int = 5_000
    zombie_ms_max: int = 3_600_000
    """A writer that has not come back for so long will not write any more: its intent is dropped."""
    return_ms: int = 30 * DAY_MS
    """A session at rest is remembered so long, if Redis has room for it; see `rest_ms_min`."""
    traces_max: int = 2_000
    """A session id that more traces carry belongs to everybody: it is not judged."""
    retries_max: int = 5
    retry_ms: int = 2_000
    """First pause after a transient failure; doubled each time, at most 5 min."""
    commit_delay_ms: int = 5_000
    """Committed offsets trail saved ones by what a Redis fail-over may lose (`redis_loss_window_ms`)."""
    clock_skew_ms_max: int = 5_000
    """Producers' clocks may be ahead of the broker's by this."""
    metadata_ms: int = 10_000
    progress_ms: int = 200

    @property
    def rest_ms_min(self) -> int:
        """A session is remembered so long after it came to rest even where Redis has no room: late spans are known as
        such, and nobody who began to write its rows is still at it."""
        return max(self.late_ms, self.zombie_ms_max)


def most_of(rule: Rule) -> Most:
    """What a session may gain before it is judged without being quiet."""
    return Most(rule.max_turns, rule.max_bytes)


def close_times(state: SessionState, limits: Limits, pace: Pace | None = None) -> dict[CloseReason, int]:
    """The moments at which a session may close, by reason. `pace` None: its rule is not known yet; then none of them is
    later than under any rule."""
    gap_ms, settle_ms, max_age_ms = pace or Pace(limits.gap_ms_min, limits.settle_ms, limits.max_age_ms)
    counts_ms = settle_ms if pace else max(settle_ms, limits.settle_ms_max)
    times: dict[CloseReason, int] = {}
    if state.ended_ms is not None and state.activity_ms <= state.ended_ms + counts_ms:
        times["ended"] = state.ended_ms + settle_ms
    times["quiet"] = state.activity_ms + gap_ms
    if state.opened_ms is not None:
        times["max_age"] = state.opened_ms + max_age_ms
    return times


class Closing(NamedTuple):
    reason: CloseReason | None
    """None: not closed yet."""
    at_ms: int
    """The moment by which it would close if nothing more came."""
    rule: Rule
    """That of the session, as far as it is known now."""
    size: Size = NOTHING
    look: Look = NEVER


def closing(state: SessionState, turns: Mapping[str, Turn], rule: Rule, watermark_ms: int, limits: Limits) -> Closing:
    """Is the session closed at this watermark? A trace without its root keeps it open until the trace timeout."""
    whole = all(turn.has_root for turn in turns.values())
    pace = rule.pace if whole else rule.pace._replace(gap_ms=max(rule.idle_gap_ms, limits.trace_timeout_ms))
    times = close_times(state, limits, pace)
    most, size = most_of(rule), size_of(turns.values())
    if filled := filled_by(state, size, most):
        times[filled] = state.activity_ms if state.full_ms is None else state.full_ms
    due = [reason for reason, at_ms in times.items() if at_ms <= watermark_ms]
    look = look_of(state, size, most, closed=bool(due))
    return Closing(due[0] if due else None, min(times.values()), rule, size, look)
