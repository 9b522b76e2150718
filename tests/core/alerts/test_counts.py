"""Hours of sums: a session stands in one place, whatever came before and in whatever order."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.alerts.counts import HOUR_MS, Place, moved, settled, settled_by_closing, shares
from streamer.core.alerts.interval import wilson
from streamer.core.alerts.observation import observed
from streamer.core.alerts.series import SeriesKey
from tests.core.alerts.feeds import START_MS, verdict

LABELS = ("unresolved",)
HOUR = START_MS // HOUR_MS


def failure(n: int, at_ms: int, kind: str, **changes: Any) -> dict[str, Any]:
    record = verdict(n, at_ms, revision=0, **changes)
    del record["value"]
    return {**record, "kind": "failure", "failure": {"kind": kind, "detail": ""}}


def hours_after(records: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    hours: dict[int, dict[str, float]] = {}
    places: dict[str, Place] = {}
    for record in records:
        seen = observed(record)
        old = places.get(seen.session)
        new = settled(old, seen, LABELS)
        for (_, hour), fields in moved(old, new).items():
            kept = hours.setdefault(hour, {})
            for field, amount in fields.items():
                kept[field] = kept.get(field, 0.0) + amount
        if new is not None:
            places[seen.session] = new
    return {hour: {f: n for f, n in fields.items() if abs(n) > 1e-9} for hour, fields in hours.items()}


def test_the_order_of_arrival_makes_no_difference() -> None:
    records = [
        failure(1, START_MS, "refused", token=1),
        verdict(1, START_MS, "unresolved", token=2),
        verdict(1, START_MS + HOUR_MS, "none", token=3, revision=2, supersedes=1),
        verdict(1, START_MS, "unresolved", token=2),
    ]
    for order in permutations(records):
        after = {hour: fields for hour, fields in hours_after(list(order)).items() if fields}
        assert after == {HOUR + 1: {"n:miss": 1.0, "w:miss": 1.0, "q:miss": 1.0}}


def test_a_retracted_session_goes_and_an_older_record_does_not_bring_it_back() -> None:
    gone = {**verdict(1, START_MS, token=9), "kind": "retracted"}
    assert not any(hours_after([verdict(1, START_MS, token=2), gone, verdict(1, START_MS, token=3)]).values())


def test_a_failure_replaces_no_verdict_and_a_verdict_any_failure() -> None:
    said = verdict(1, START_MS, "unresolved", token=1)
    assert "n:hit" in hours_after([said, failure(1, START_MS, "timeout", token=2)])[HOUR]
    assert hours_after([failure(1, START_MS, "timeout", token=1), {**said, "token": 2}])[HOUR].keys() == {
        "n:hit", "w:hit", "q:hit",
    }  # fmt: skip


def test_deferred_is_told_by_closings_only_until_a_judge_speaks() -> None:
    closing = observed(
        {
            **verdict(1, START_MS, token=5),
            "kind": "closing",
            "judges": [
                {
                    "judge": "tone",
                    "judge_version": "v",
                    "state": state,
                    "reason": None,
                    "revision": 0,
                    "inclusion": {"probability": 0.5, "reason": "sample", "rule": "default"},
                }
                for state in ("deferred", "judged")
            ],
        }
    )
    waiting, judged = closing.decisions
    place = settled_by_closing(None, closing, waiting)
    assert place is not None
    assert (place.outcome, place.weight, SeriesKey.read(place.series).judge) == ("deferred", 2.0, "tone")
    assert settled_by_closing(None, closing, judged) is None
    spoken = place._replace(outcome="hit", token=1)
    assert settled_by_closing(spoken, closing, waiting) is spoken


def test_shares_are_weighted_by_what_each_session_stands_for() -> None:
    """4 of 10 in a sample of a fifth, 3 of 3 that are always judged: 4 / 10 of the 50, and the three."""
    records = [
        verdict(n, START_MS, "unresolved" if n < 4 else "none", inclusion={"probability": 0.2, "reason": "sample"})
        for n in range(10)
    ]
    records += [verdict(n, START_MS, "unresolved", inclusion={"reason": "error"}) for n in range(10, 13)]
    records += [failure(20, START_MS, "refused"), failure(21, START_MS, "timeout")]
    found = shares(hours_after(records), START_MS)["1h"]
    assert found.share == pytest.approx(23 / 53)
    assert (found.judged, found.hits, found.refused, found.failed) == (13, 7, 1, 1)
    assert list(found.bounds) == pytest.approx([23 / 54, 24 / 54])
    kish = 53**2 / (10 * 25 + 3)
    assert found.interval == pytest.approx(wilson(23 / 53 * kish, kish))


def test_a_window_is_so_many_full_hours_and_the_running_one() -> None:
    hours = hours_after([verdict(n, START_MS - n * HOUR_MS) for n in range(200)])
    found = shares(hours, START_MS + 1)
    assert [found[name].judged for name in ("1h", "24h", "7d")] == [2, 25, 169]
    assert shares({}, START_MS)["7d"].share is None


@given(st.integers(0, 1_000), st.integers(1, 1_000))
def test_an_interval_holds_its_share_and_stays_between_0_and_1(hits: int, n: int) -> None:
    low, high = wilson(min(hits, n), n)
    assert 0 <= low <= min(hits, n) / n <= high <= 1


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe 1998, table I: 81 of 263 and 0 of 20 with score intervals."""
    assert list(wilson(81, 263)) == pytest.approx([0.2553, 0.3662], abs=5e-5)
    assert list(wilson(0, 20)) == pytest.approx([0.0, 0.1611], abs=5e-5)


@given(st.tuples(st.text(), st.text(), st.none() | st.text(), st.text(), st.text()))
def test_a_series_is_read_back_from_its_text(parts: tuple[str, str, str | None, str, str]) -> None:
    series = SeriesKey(*parts)
    if any("\ud800" <= char <= "\udfff" for part in parts if part for char in part):
        return  # the feed holds no lone surrogates
    assert SeriesKey.read(str(series)) == series
    assert "\n" not in str(series)
    assert series.parent.version is None
    assert str(series.parent) != str(series._replace(version=""))
