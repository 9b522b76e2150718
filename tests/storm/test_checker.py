"""The checker finds each thing that it looks for, and nothing in what is right."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.storm import checker
from tests.storm.checker import Allowed, Fault, Report
from tests.storm.observed import Call, Row, Told
from tests.storm.plan import Conversation, conversations

SAID = conversations(7, 20, 60, 4)
ALLOWED = Allowed(call_ms=1_000, loss_ms=5_000, gap_ms=4_000)
OUTSIDE = ("plan", "generator", "observed", "checker")


def right(one: Conversation) -> Row:
    first = min(one.turns, key=lambda turn: turn.at_s)
    said = f'The user said: "{one.quote}"' if one.quote else ""
    return Row("a-1", first.trace_id, "j", one.session, one.expected, said, len(one.turns), 1)


def told(row: Row, token: int = 1) -> Told:
    return Told(f"{row.session}{token}", row.session, row.turns, row.value, row.revision, token, 10_000)


def broken(rows: list[Row], heard: list[Told] | None = None) -> list[str]:
    report = Report()
    checker.check_rows(report, SAID, rows)
    if heard is not None:
        checker.check_feed(report, SAID, heard, rows)
    return sorted({what.split()[0] for what in report.violations})


RIGHT = [right(one) for one in SAID]
AN_ANGRY = next(n for n, one in enumerate(SAID) if one.quote and one.quote != one.turns[0].user)


def test_what_is_right_is_right() -> None:
    assert broken(RIGHT, [told(row) for row in RIGHT]) == []


@pytest.mark.parametrize(
    ("law", "changed"),
    [
        ("lost", RIGHT[1:]),
        ("doubled", [*RIGHT, RIGHT[0]._replace(trace_id="f" * 32)]),
        ("doubled", [*RIGHT, RIGHT[0]._replace(session="nobody")]),
        ("misplaced", [RIGHT[0]._replace(trace_id="f" * 32), *RIGHT[1:]]),
        ("stale", [RIGHT[0]._replace(turns=9), *RIGHT[1:]]),
        ("stale", [RIGHT[0]._replace(value="other"), *RIGHT[1:]]),
        ("stale", [row._replace(rationale="") if n == AN_ANGRY else row for n, row in enumerate(RIGHT)]),
    ],
)
def test_a_wrong_row_is_found(law: str, changed: list[Row]) -> None:
    assert broken(changed) == [law]


def test_a_feed_that_says_another_thing_last_is_found() -> None:
    heard = [told(row) for row in RIGHT]
    assert broken(RIGHT, [*heard, told(RIGHT[0]._replace(value="other"), 2)]) == ["stale"]
    assert broken(RIGHT, [*heard, told(RIGHT[0]._replace(value="other"), 0)]) == []
    assert broken(RIGHT, heard[1:]) == ["lost"]


def bought_twice(first_ms: float, *faults: Fault) -> list[str]:
    report = Report()
    checker.check_calls(report, [Call(first_ms, "r"), Call(first_ms + 60_000, "r")], faults, ALLOWED)
    assert report.calls_repeated == 1
    return report.violations


def test_a_call_is_repeated_only_for_one_that_was_in_flight() -> None:
    kill, loss = Fault("kill judge", 10_000, 10_000), Fault("failover", 10_000, 12_000)
    assert bought_twice(10_500, kill) == []
    assert bought_twice(6_000, loss) == []
    assert bought_twice(6_000, kill)
    assert bought_twice(14_000, loss)
    assert bought_twice(10_500)


@pytest.mark.parametrize(
    ("next_ms", "acknowledged_ms", "found"), [(3_000, 3_100, 1), (3_000, 9_900, 0), (5_000, 5_100, 0)]
)
def test_a_verdict_before_its_time_is_found(next_ms: float, acknowledged_ms: float, found: int) -> None:
    session = SAID[0].session
    sent = [
        {"record_ms": 500, "at_ms": 600, "held": [[session, 1, "whole"]]},
        {"record_ms": next_ms, "at_ms": acknowledged_ms, "held": [[session, 2, "root"]]},
    ]
    early = replace_turns(told(RIGHT[0]), 1)
    report = Report()
    checker.check_time(report, sent, [early], [], ALLOWED)
    assert report.premature == found
    checker.check_time(lenient := Report(), sent, [early], [Fault("failover", 9_000, 11_000)], ALLOWED)
    assert lenient.premature == 0


def replace_turns(one: Told, turns: int) -> Told:
    return one._replace(turns=turns)


def test_the_plan_has_everything_that_can_happen_and_is_the_same_again() -> None:
    many = conversations(1, 300, 60, 4)
    turns = [turn for one in many for turn in one.turns]
    assert many == conversations(1, 300, 60, 4) != conversations(2, 300, 60, 4)
    assert {one.expected for one in many} == {"none", "resolved", "unresolved"}
    assert len({turn.trace_id for turn in turns}) == len(turns)
    assert any(turn.split for turn in turns)
    assert any(turn.again for turn in turns)
    assert any(turn.late_s for turn in turns)
    late = replace(turns[0], mood="angry", number=9)
    assert replace(many[0], turns=(*many[0].turns, late)).quote == late.user


@pytest.mark.parametrize("name", OUTSIDE)
def test_generator_and_checker_read_the_laws_with_their_own_eyes(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {module for module in imported if module.split(".")[0] in ("streamer", "tests")}
    assert imported
    assert ours <= {f"tests.storm.{other}" for other in OUTSIDE}
