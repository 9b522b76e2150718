"""An open session says when it closes, or what it waits for."""

from dataclasses import replace

import pytest

from streamer.core.holding import Hold
from streamer.core.lifecycle import Limits
from streamer.core.outlook import closing_words, outlook_of
from streamer.core.session import SessionState
from streamer.core.words import countdown

NOW_MS = 1_700_000_000_000
LIMITS = Limits(gap_ms_min=900_000, max_age_ms=86_400_000, settle_ms=10_000)
STATE = SessionState(activity_ms=NOW_MS - 708_000, opened_ms=NOW_MS - 800_000)
STALLED = Hold("otlp_spans/2", "stalled", NOW_MS - 240_000, NOW_MS - 240_000)
WHERE = "partition 2 of otlp_spans"


def words(due_ms: int, state: SessionState = STATE, hold: Hold[str] | None = None, mark_ms: int = NOW_MS) -> str:
    return closing_words(outlook_of(state, due_ms, LIMITS), mark_ms, hold, WHERE, NOW_MS)


def test_it_says_when_it_closes_and_by_what() -> None:
    assert words(STATE.activity_ms + 900_000) == "closes in 3:12 by its quiet gap, unless a turn comes"
    ended = SessionState(activity_ms=NOW_MS - 5_000, opened_ms=NOW_MS - 9_000, ended_ms=NOW_MS - 4_000)
    assert words(NOW_MS + 6_000, ended).startswith("closes in 0:06 by an explicit end")
    aged = SessionState(activity_ms=NOW_MS, opened_ms=NOW_MS - 86_390_000)
    assert words(NOW_MS + 10_000, aged) == "closes in 0:10 for the time being, by its maximum age"


def test_one_that_may_be_full_is_looked_at_for_both_limits() -> None:
    full = replace(STATE, full_ms=NOW_MS + 4_000)
    assert words(NOW_MS + 4_000, full).startswith("closes in 0:04 for the time being, if it is full")


def test_a_later_time_than_its_own_is_a_trace_without_its_root() -> None:
    assert words(NOW_MS + 492_000) == "closes in 8:12 by its quiet gap, unless a turn comes"


def test_one_that_is_due_waits_for_whoever_holds_the_watermark_back() -> None:
    said = words(NOW_MS - 1_000, hold=STALLED, mark_ms=NOW_MS - 240_000)
    assert said == "waits for partition 2 of otlp_spans: its reader has not been heard for 4 min"


def test_one_that_will_be_due_is_warned_of_it() -> None:
    said = words(NOW_MS + 60_000, hold=STALLED, mark_ms=NOW_MS - 240_000)
    assert said.startswith("closes in 1:00 by its quiet gap, unless a turn comes; if nothing changes it waits for")


@pytest.mark.parametrize("hold", [None, STALLED])
def test_one_that_the_watermark_has_passed_is_due(hold: Hold[str] | None) -> None:
    assert words(NOW_MS - 300_000, hold=hold, mark_ms=NOW_MS - 240_000) == "due now: a judge worker claims it next"


@pytest.mark.parametrize(
    ("ms", "said"),
    [(1, "0:01"), (60_000, "1:00"), (192_000, "3:12"), (3_723_000, "1:02:03"), (176_400_000, "2 d 1:00:00")],
)
def test_a_countdown_is_rounded_up_to_the_second(ms: int, said: str) -> None:
    assert countdown(ms) == said
