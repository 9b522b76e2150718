"""How a session stands, in words."""

from dataclasses import replace
from typing import Any

import pytest

from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.status import Now, Standing, words_of
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.core.words import clock, countdown

NOW_MS = 1_700_000_000_000  # 22:13:20 UTC
NOW = Now(NOW_MS, {"s": NOW_MS - 100})
SCOPE = Scope("s", "t")
JUDGED = Entry(
    state="judged", generation=1, judge_version="1", verdict=Verdict(value="yes", rationale=""), revision=2,
    mlflow=True, feed=True, scored_at_ms=NOW_MS - 300_000,
)  # fmt: skip
RETRYING = replace(JUDGED, state="retrying", failure=JudgeFailure(kind="rate_limited", detail=""))
DEFERRED = replace(JUDGED, state="deferred", next_at_ms=NOW_MS + 400_000)
FAILED = replace(RETRYING, state="failed")
FILTERED = replace(JUDGED, state="filtered")
OUT = replace(JUDGED, state="sampled_out", verdict=None, scored_at_ms=0)
RETRACTED = replace(JUDGED, state="retracted")


def waiting(entry: Entry, **changes: Any) -> Standing:
    return Standing(SCOPE, "waiting", NOW_MS + 40_000, {"a": entry})._replace(**changes)


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing(SCOPE, "open", NOW_MS + 192_000, {}), "closes in 3:12"),
        (Standing(SCOPE, "open", NOW_MS - 100, {}), "closed, waits for a judge worker"),
        (Standing(Scope("unread", "t"), "open", NOW_MS, {}), "open: nothing of its source was read yet"),
        (Standing(SCOPE, "leased", NOW_MS, {}), "a worker has it"),
        (waiting(RETRYING), "retrying in 0:40: rate_limited"),
        (waiting(RETRYING, due_ms=NOW_MS), "retrying now: rate_limited"),
        (waiting(DEFERRED), "deferred: money, looked at again 22:20 UTC"),
        (waiting(replace(JUDGED, mlflow=False)), "judged, owed to MLflow: again in 0:40"),
        (waiting(replace(JUDGED, feed=False)), "judged, owed to the feed: again in 0:40"),
        (waiting(JUDGED, mend=True), "judged; a write was cut off, its rows are looked at in 0:40"),
        (waiting(JUDGED, looks=1), "judged; its rows are looked at in 0:40"),
        (Standing(SCOPE, "rest", None, {"a": JUDGED}), "judged at revision 2, 5 min ago"),
        (Standing(SCOPE, "rest", None, {"a": JUDGED, "b": FAILED}), "failed: rate_limited"),
        (
            Standing(SCOPE, "rest", None, {"a": RETRACTED}),
            "retracted: its traces belong to others",
        ),
        (Standing(SCOPE, "rest", None, {"a": OUT}), "not in the sample"),
        (Standing(SCOPE, "rest", None, {"a": OUT, "b": replace(FILTERED, verdict=None)}), "not in the sample"),
        (Standing(SCOPE, "rest", None, {"a": JUDGED, "b": FILTERED}), "judged at revision 2, 5 min ago"),
        (
            Standing(SCOPE, "rest", None, {"b": FILTERED}),
            "not judged: its rule names no judge; an earlier verdict stands",
        ),
        (Standing(SCOPE, "rest", None, {}), "ended, and nothing was said in it"),
        (Standing(SCOPE, "rest", None, {}, erased_ms=NOW_MS - 60_000), "erased 1 min ago"),
        (
            Standing(SCOPE, "waiting", NOW_MS, {}, erased_ms=NOW_MS),
            "erased just now, its rows are still to be taken back",
        ),
    ],
)
def test_how_it_stands(standing: Standing, said: str) -> None:
    assert words_of(standing, NOW) == said


@pytest.mark.parametrize(
    ("due_in_ms", "said"),
    [
        (10_000, "closes in 0:10; if nothing changes it waits for the watermark, 10 min behind"),
        (-590_000, "waits for the watermark, 10 min behind"),
        (-600_000, "closed, waits for a judge worker"),
    ],
)
def test_a_watermark_that_is_behind_is_worth_a_word(due_in_ms: int, said: str) -> None:
    late = Now(NOW_MS, {"s": NOW_MS - 600_000})
    assert words_of(Standing(SCOPE, "open", NOW_MS + due_in_ms, {}), late) == said


def test_waits_and_times_of_day() -> None:
    assert [countdown(ms) for ms in (0, -5, 999, 61_000, 3_720_000)] == ["0:00", "0:00", "0:01", "1:01", "1:02:00"]
    assert clock(14 * 3_600_000) == "14:00 UTC"
