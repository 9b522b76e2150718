"""When a session may be closed: one before, exactly at, one after each boundary."""

import pytest

from streamer.core.close_reason import CloseReason
from streamer.core.lifecycle import Limits, closing
from streamer.core.rules import Rule, rule_of
from streamer.core.session import SessionState
from streamer.core.turn import Turn

LIMITS = Limits(gap_ms_min=1_000, max_age_ms=10_000, settle_ms=100, trace_timeout_ms=5_000)
RULE = Rule(idle_gap_ms=1_000, settle_ms=100, max_age_ms=10_000)


def turn(trace_id: str = "t", *, has_root: bool = True, service: str | None = None) -> Turn:
    return Turn(
        trace_id=trace_id, version=1, start_ns=0, end_ns=1, user="u", assistant="a", has_root=has_root, service=service
    )


def reason_at(watermark_ms: int, state: SessionState, *turns: Turn) -> CloseReason | None:
    said = {t.trace_id: t for t in turns or (turn(),)}
    return closing(state, said, RULE, watermark_ms, LIMITS).reason


@pytest.mark.parametrize(("watermark_ms", "reason"), [(5_999, None), (6_000, "quiet"), (6_001, "quiet")])
def test_a_session_closes_when_the_watermark_reaches_the_end_of_its_quiet_gap(
    watermark_ms: int, reason: CloseReason | None
) -> None:
    assert reason_at(watermark_ms, SessionState(activity_ms=5_000, opened_ms=0)) == reason


@pytest.mark.parametrize(("watermark_ms", "reason"), [(9_999, None), (10_000, "max_age")])
def test_a_busy_session_closes_at_its_maximum_age(watermark_ms: int, reason: CloseReason | None) -> None:
    assert reason_at(watermark_ms, SessionState(activity_ms=9_500, opened_ms=0)) == reason


@pytest.mark.parametrize(("watermark_ms", "reason"), [(5_099, None), (5_100, "ended")])
def test_an_explicit_end_closes_after_settling(watermark_ms: int, reason: CloseReason | None) -> None:
    assert reason_at(watermark_ms, SessionState(activity_ms=5_000, opened_ms=0, ended_ms=5_000)) == reason


@pytest.mark.parametrize(("activity_ms", "reason"), [(5_100, "ended"), (5_101, None)])
def test_an_end_counts_until_a_fact_comes_more_than_settle_after_it(
    activity_ms: int, reason: CloseReason | None
) -> None:
    assert reason_at(5_150, SessionState(activity_ms=activity_ms, opened_ms=0, ended_ms=5_000)) == reason


@pytest.mark.parametrize(("watermark_ms", "reason"), [(9_999, None), (10_000, "quiet")])
def test_a_trace_without_its_root_keeps_the_session_open_until_the_trace_timeout(
    watermark_ms: int, reason: CloseReason | None
) -> None:
    state = SessionState(activity_ms=5_000, opened_ms=4_000)
    assert reason_at(watermark_ms, state, turn("a"), turn("b", has_root=False)) == reason


def test_the_first_matching_rule_gives_the_gap() -> None:
    rules = [Rule(idle_gap_ms=7, service="slow"), Rule(idle_gap_ms=5, tenant="acme"), Rule(idle_gap_ms=3)]
    assert rule_of(rules, "acme", [turn(service="slow")]).idle_gap_ms == 7
    assert rule_of(rules, "acme", [turn(service="quick")]).idle_gap_ms == 5
    assert rule_of(rules, "other", [turn()]).idle_gap_ms == 3
