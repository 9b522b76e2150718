"""Shares beside each other: weighted, once per session, with an interval that is right as often as it says."""

import random
from typing import Any

import pytest

from streamer.core.alerts.observation import observed
from streamer.core.compare import Comparison
from streamer.core.compared import as_json
from streamer.core.shares import newcombe

DAY = 1_790_000_000_000


def record(session: str, value: str | float | bool, **more: Any) -> dict[str, Any]:
    probability = more.pop("probability", 1.0)
    about = {
        "id": session,
        "tenant": "t",
        "source": "s",
        "first_trace_id": f"tr-{session}",
        "end_ms": more.pop("at", DAY),
    }
    said: dict[str, Any] = {
        "schema_version": 1, "kind": "verdict", "event_id": session, "token": 1, "turns": 2, "origin": "live",
        "published_at_ms": DAY, "session": {**about, "start_ms": DAY}, "agent": "a", "service_version": "2.3",
        "judge": "frustration", "judge_version": "v1", "model": "m", "revision": 1, "interim": False, "value": value,
        "rationale": "because", "inclusion": {"probability": probability, "reason": "sample", "rule": "r"},
    }  # fmt: skip
    return {**said, **more}


def compared(records: list[dict[str, Any]], by: Any = "version", groups: tuple[str, str] = ("2.3", "2.4")) -> Any:
    comparison = Comparison(by, groups)
    for one in records:
        seen = observed(one)
        assert seen is not None
        comparison.add(seen)
    return comparison.result()


def versions(old: list[str], new: list[str], **more: Any) -> list[dict[str, Any]]:
    before = [record(f"o{n}", value, **more) for n, value in enumerate(old)]
    return before + [record(f"n{n}", value, service_version="2.4", **more) for n, value in enumerate(new)]


def test_shares_differences_and_what_explains_them() -> None:
    [judge] = compared(versions(["no"] * 90 + ["yes"] * 10, ["no"] * 70 + ["yes"] * 30)).judges
    assert [side.judged for side in judge.sides] == [100, 100]
    found = {one.value: one for one in judge.differences}
    assert found["yes"].difference == pytest.approx(0.2)
    assert found["yes"].is_clear
    assert tuple(found["yes"].interval) == pytest.approx((0.0900, 0.3058), abs=1e-4)
    assert len(judge.explained_by) == 10
    assert {one.group for one in judge.explained_by} in ({"2.4"}, {"2.3"})


def test_the_interval_of_a_difference_is_newcombe_s() -> None:
    """Statistics in Medicine 17 (1998), table II: 56/70 against 48/80, method 10."""
    assert tuple(newcombe(48 / 80, 80, 56 / 70, 70)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_a_drawn_session_stands_for_many_and_tells_less_than_it_weighs() -> None:
    drawn = [record(f"d{n}", "yes", probability=0.1) for n in range(10)]
    whole = [record(f"w{n}", "no") for n in range(100)]
    other = [record("x", "no", service_version="2.4")]
    [judge] = compared([*drawn, *whole, *other]).judges
    side = judge.sides[0]
    assert side.shares["yes"][1] == pytest.approx(0.5)
    assert side.effective == pytest.approx(200**2 / (10 * 100 + 100))


def test_a_session_counts_once_by_its_greatest_token_and_a_failure_replaces_nothing() -> None:
    failed = {**record("a", "yes", token=3), "kind": "failure", "failure": {"kind": "timeout", "detail": ""}}
    gone = {**record("b", "yes", token=9), "kind": "retracted"}
    records = [
        record("a", "no", token=2), record("a", "yes", token=1), failed,
        record("b", "yes"), gone, record("b", "yes", token=8),
        record("c", "yes"), record("c", "yes", token=2, service_version="9"),
        record("d", "no", service_version="2.4"),
    ]  # fmt: skip
    [judge] = compared(records).judges
    assert judge.sides[0].judged == 1
    assert judge.sides[0].shares["no"][0] == 1


def test_two_judges_are_compared_on_the_sessions_that_both_have_judged() -> None:
    records = [record(f"s{n}", "yes", judge="a") for n in range(20)]
    records += [record(f"s{n}", "yes" if n < 15 else "no", judge="b") for n in range(18)]
    [judge] = compared(records, "judge", ("a", "b")).judges
    assert [side.judged for side in judge.sides] == [18, 18]
    yes = next(one for one in judge.differences if one.value == "yes")
    assert yes.difference == pytest.approx(-3 / 18)
    assert len(judge.explained_by) == 6  # three sessions, both words


def test_a_probe_is_nobody_s_conversation() -> None:
    people = versions(["none"] * 4, ["none"] * 3)
    probes = [record(f"probe-{n}", "unresolved", origin="probe", service_version="2.4") for n in range(9)]
    assert as_json(compared(people + probes), {}) == as_json(compared(people), {})


def test_numbers_booleans_and_coverage() -> None:
    decisions = [{"judge": "frustration", "judge_version": "v1", "state": "judged", "reason": None, "revision": 1}]
    closing = [
        {**record(f"o{n}", ""), "kind": "closing", "judges": [
            {**decision, "revision": int(n < 2), "inclusion": {"probability": 1, "reason": "all", "rule": "r"}}
            for decision in decisions
        ]}
        for n in range(4)
    ]  # fmt: skip
    found = compared([record("o0", 2.0), record("o1", 4.0), record("n", 5.0, service_version="2.4"), *closing])
    [judge] = found.judges
    assert (judge.sides[0].mean, judge.sides[1].mean, judge.sides[0].coverage) == (3.0, 5.0, 0.5)
    said = as_json(found, {})
    assert said["judges"][0]["groups"][0]["coverage"] == 0.5
    [bools] = compared([record("a", True), record("b", False, service_version="2.4")]).judges
    assert set(bools.sides[0].shares) == {"true", "false"}


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_the_interval_of_no_difference_holds_nothing_as_often_as_it_says(share: float) -> None:
    r = random.Random(7)
    missed = 0
    for _ in range(1_000):
        one, other = (sum(r.random() < share for _ in range(150)) / 150 for _ in range(2))
        low, high = newcombe(one, 150, other, 150)
        missed += low > 0 or high < 0
    assert missed / 1_000 <= 0.065
