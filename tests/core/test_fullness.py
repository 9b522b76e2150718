"""A session is full exactly when it has gained what it may, and ingest's counts have it looked at no later."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.close_reason import CloseReason
from streamer.core.fullness import Most, filled_by, look_of, size_of
from streamer.core.lifecycle import Limits, closing
from streamer.core.rules import Rule
from streamer.core.session import NEVER, Look, SessionState, Size
from streamer.core.turn import Turn

LIMITS = Limits(gap_ms_min=1_000, max_age_ms=10_000, settle_ms=100, trace_timeout_ms=5_000, max_turns=2)
RULE = Rule(idle_gap_ms=1_000, settle_ms=100, max_age_ms=10_000, max_turns=2)


def turn(trace_id: str, user: str | None = "ä", assistant: str | None = "b") -> Turn:
    return Turn(trace_id=trace_id, version=1, start_ns=0, end_ns=1, user=user, assistant=assistant)


def test_its_size_is_its_turns_and_the_bytes_of_what_was_said() -> None:
    assert size_of([turn("a"), turn("b", None, "xyz")]) == Size(2, 6)


@pytest.mark.parametrize(
    ("closed", "now", "reason"),
    [
        (Size(0, 0), Size(2, 99), None),
        (Size(0, 0), Size(3, 99), "max_turns"),
        (Size(0, 0), Size(2, 100), "max_bytes"),
        (Size(5, 200), Size(7, 299), None),
        (Size(5, 200), Size(8, 0), "max_turns"),
        (Size(5, 200), Size(4, 0), None),
    ],
)
def test_it_is_full_by_what_it_gained_since_its_last_closing(
    closed: Size, now: Size, reason: CloseReason | None
) -> None:
    assert filled_by(SessionState(closed_size=closed), now, Most(3, 100)) == reason


@given(
    owned=st.integers(0, 50),
    foreign=st.integers(0, 9),
    closed=st.integers(0, 60),
    text=st.integers(0, 10_000),
    wrapping=st.integers(0, 10_000),
    most=st.integers(1, 40),
)
def test_whatever_comes_next_a_claim_looks_before_the_session_is_more_than_full(
    owned: int, foreign: int, closed: int, text: int, wrapping: int, most: int
) -> None:
    """Each trace gives at most one turn, and each byte of spans at most one byte of text."""
    state = SessionState(
        members={str(n): 1 for n in range(owned + foreign)}, closed_size=Size(closed, 0), span_bytes=text + wrapping
    )
    size, limit = Size(owned, text), Most(most, most * 100)
    look = look_of(state, size, limit, closed=False)
    to_go = max(0, most - (owned - closed))
    assert look.traces - (owned + foreign) == to_go
    assert look.bytes - (text + wrapping) == max(0, most * 100 - text)


def test_without_limits_nobody_looks() -> None:
    assert look_of(SessionState(), Size(3, 3), Most(None, None), closed=False) == NEVER


def test_after_a_closing_it_counts_anew() -> None:
    state = SessionState(members={"a": 1, "b": 1}, span_bytes=700)
    assert look_of(state, Size(2, 50), Most(2, 40), closed=True) == Look(4, 740)


@pytest.mark.parametrize(("watermark_ms", "reason"), [(4_999, None), (5_000, "max_turns"), (6_500, "quiet")])
def test_a_full_session_closes_once_the_watermark_has_passed_what_filled_it(
    watermark_ms: int, reason: CloseReason | None
) -> None:
    """By quiet where that has come as well: it is the last word then."""
    state = SessionState(activity_ms=5_500, opened_ms=4_000, full_ms=5_000, members={"a": 1, "b": 1})
    assert closing(state, {name: turn(name) for name in "ab"}, RULE, watermark_ms, LIMITS).reason == reason


def test_one_that_ingest_took_for_full_goes_back_to_its_true_time() -> None:
    state = SessionState(activity_ms=5_000, opened_ms=4_000, full_ms=5_000, members={"a": 1, "b": 1})
    closed = closing(state, {"a": turn("a")}, RULE, 5_500, LIMITS)
    assert (closed.reason, closed.at_ms, closed.look) == (None, 6_000, Look(3, 0))


@pytest.mark.parametrize(
    ("rule", "reason", "look"),
    [
        (RULE, "max_turns", Look(4, 0)),
        (replace(RULE, max_turns=5), None, Look(5, 0)),
        (replace(RULE, max_turns=None), None, NEVER),
    ],
)
def test_the_sessions_own_rule_says_what_is_full(rule: Rule, reason: CloseReason | None, look: Look) -> None:
    """Until a claim has found it ingest goes by the smallest of any rule."""
    state = SessionState(activity_ms=5_000, opened_ms=4_000, full_ms=5_000, members={"a": 1, "b": 1})
    closed = closing(state, {name: turn(name) for name in "ab"}, rule, 5_500, LIMITS)
    assert (closed.reason, closed.look) == (reason, look)
