"""When an open session will close, in words."""

from typing import NamedTuple

from streamer.core.close_reason import CloseReason
from streamer.core.holding import Hold, P, reason_of
from streamer.core.lifecycle import Limits, close_times
from streamer.core.session import SessionState
from streamer.core.words import countdown

BY: dict[CloseReason, str] = {
    "quiet": "by its quiet gap, unless a turn comes",
    "ended": "by an explicit end, unless a turn comes later than that",
    "max_age": "for the time being, by its maximum age",
    "max_turns": "for the time being, if it is full: by its number of turns, or by what was said in them",
}


class Outlook(NamedTuple):
    """`due_ms`: the score in its index, in record time; `reason`: what would close it then."""

    due_ms: int
    reason: CloseReason


def outlook_of(state: SessionState, due_ms: int, limits: Limits) -> Outlook:
    """A claim may have put it later than its own times say, for a trace without its root: that is quiet still."""
    times = close_times(state, limits, state.pace)
    if state.full_ms is not None:
        times["max_turns"] = state.full_ms  # or max_bytes: only the claim counts which
    return Outlook(due_ms, next((reason for reason, at_ms in times.items() if at_ms == due_ms), "quiet"))


def closing_words(outlook: Outlook, watermark_ms: int, hold: Hold[P] | None, where: str, now_ms: int) -> str:
    """`where` names the partition that holds the watermark back. A session closes when the watermark has come to its
    time, not the clock."""
    left_ms = outlook.due_ms - now_ms
    waits = f"waits for {where}: {reason_of(hold, now_ms)}" if hold is not None else ""
    if left_ms > 0:
        closes = f"closes in {countdown(left_ms)} {BY.get(outlook.reason, BY['quiet'])}"
        return f"{closes}; if nothing changes it {waits}" if waits else closes
    if outlook.due_ms <= watermark_ms or not waits:
        return "due now: a judge worker claims it next"
    return waits
