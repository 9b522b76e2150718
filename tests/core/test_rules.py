"""Which rule a session falls under, and whether a verdict that stands is renewed."""

from dataclasses import replace

import pytest

from streamer.core.choosing import included, left_out, resumed, unrenewed_by
from streamer.core.close_reason import CloseReason
from streamer.core.ledger import Entry
from streamer.core.rules import Rule, as_text, rule_of
from streamer.core.sampling import EVERYBODY, Inclusion
from streamer.core.turn import Turn
from streamer.core.verdict import Verdict

RULE = Rule(idle_gap_ms=1)
JUDGED = Entry(
    state="judged",
    generation=1,
    judge_version="v",
    transcript_hash="h",
    verdict=Verdict(value="good", rationale=""),
    revision=1,
    mlflow=True,
    feed=True,
)
EU, BETA = ("deployment.region", "eu"), ("plan", "beta")


def turn(*attributes: tuple[str, str], **changes: str) -> Turn:
    return Turn(
        trace_id="t",
        version=1,
        start_ns=0,
        end_ns=1,
        user="u",
        assistant="a",
        attributes=attributes,
        **changes,  # type: ignore[arg-type]
    )


def test_attributes_may_be_said_by_different_turns_and_must_all_be_met() -> None:
    both = replace(RULE, name="both", attributes=(EU, BETA))
    assert rule_of([both, RULE], "t", [turn(EU), turn(BETA)]) is both
    assert rule_of([both, RULE], "t", [turn(EU)]) is RULE
    assert rule_of([both, RULE], "t", [turn(("deployment.region", "us"), BETA)]) is RULE


def test_the_first_match_wins_and_the_last_rule_is_everybodys() -> None:
    agent = replace(RULE, name="agent", agent="refunds")
    region = replace(RULE, name="region", attributes=(EU,))
    assert rule_of([agent, region, RULE], "t", [turn(EU, agent="refunds")]) is agent
    assert rule_of([region, agent, RULE], "t", [turn(EU, agent="refunds")]) is region
    assert rule_of([agent, region, RULE], "t", []) is RULE


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1, "1"), (1.5, "1.5"), ("eu", "eu"), (["eu"], None), (None, None)]
)
def test_values_are_compared_as_text(value: object, text: str | None) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("changes", "old", "reason", "last", "unrenewed"),
    [
        ({"rescore": "every_pause"}, JUDGED, "quiet", "quiet", ""),
        ({"rescore": "never"}, None, "quiet", None, ""),
        ({"rescore": "never"}, JUDGED, "ended", "quiet", "rescore_never"),
        ({"rescore": "never"}, replace(JUDGED, state="failed", revision=0), "quiet", "quiet", ""),
        ({"rescore": "never"}, replace(JUDGED, state="retracted"), "quiet", "empty", ""),
        ({"rescore": "final_only"}, JUDGED, "quiet", "quiet", "rescore_final_only"),
        ({"rescore": "final_only"}, JUDGED, "ended", "quiet", ""),
        ({"rescore": "final_only"}, JUDGED, "max_age", "quiet", "rescore_final_only"),
        ({"rescore": "final_only"}, JUDGED, "quiet", "max_age", ""),
        ({"rescore": "final_only"}, replace(JUDGED, state="retrying"), "quiet", "ended", ""),
        ({"reopen_max": 1}, JUDGED, "quiet", "quiet", ""),
        ({"reopen_max": 1}, replace(JUDGED, revision=2), "quiet", "quiet", "reopen_max"),
        ({"reopen_max": 0}, JUDGED, "quiet", "quiet", "reopen_max"),
    ],
)
def test_when_a_verdict_stays_though_the_session_has_gone_on(
    changes: dict[str, object], old: Entry | None, reason: CloseReason, last: CloseReason | None, unrenewed: str
) -> None:
    rule = replace(RULE, **changes)  # type: ignore[arg-type]
    assert unrenewed_by(rule, old, reason, last) == unrenewed


FILTERED = Inclusion(0.0, "filtered", "r")


def test_a_judge_that_is_left_out_owes_no_verdict_and_what_it_said_stands() -> None:
    silent = left_out(replace(JUDGED, state="retrying", verdict=None, mlflow=False), FILTERED, 2, "v", "quiet")
    assert (silent.state, silent.owes) == ("filtered", False)
    out = left_out(JUDGED, FILTERED, 2, "v", "quiet")
    assert (out.state, out.owes, out.verdict, out.judged_under) == ("filtered", False, JUDGED.verdict, EVERYBODY)
    assert left_out(replace(JUDGED, mlflow=False), FILTERED, 2, "v", "quiet").owes
    assert Entry.from_json(out.to_json()) == out
    back = resumed(left_out(out, FILTERED, 3, "v", "quiet"))
    assert back is not None
    assert (back.state, back.verdict, back.mlflow, back.inclusion) == ("judged", JUDGED.verdict, False, EVERYBODY)


def test_what_a_judge_that_is_left_out_had_said_for_the_time_being_becomes_its_last_word() -> None:
    interim = replace(JUDGED, close_reason="max_turns")
    still = left_out(interim, FILTERED, 2, "v", "max_age")
    assert (still.interim, still.owes) == (True, False)
    last = left_out(still, FILTERED, 2, "v", "quiet")
    assert (last.interim, last.feed, last.mlflow, last.revision) == (False, False, False, JUDGED.revision)


def test_row_and_feed_are_told_again_only_of_what_is_new() -> None:
    assert included(JUDGED, EVERYBODY, 1) == JUDGED
    noted = included(JUDGED, EVERYBODY, 1, "rescore_never")
    assert (noted.mlflow, noted.feed) == (False, True)
    assert included(replace(noted, mlflow=True), EVERYBODY, 1, "rescore_never").mlflow
    likelier = included(JUDGED, Inclusion(1.0, "error", "default"), 1)
    assert (likelier.mlflow, likelier.feed) == (False, False)


def test_an_entry_with_its_inclusion_survives_being_stored() -> None:
    entry = replace(JUDGED, inclusion=Inclusion(0.1, "sample", "r"), unrenewed="reopen_max")
    assert Entry.from_json(entry.to_json()) == entry
