"""The ledger's line: it survives being written, and a verdict that stood is never lost."""

from dataclasses import replace

import pytest

from streamer.core.ledger import HISTORY_MAX, Entry, EntryState
from streamer.core.lifecycle import Limits
from streamer.core.retry import PATIENT_TRIES_MAX, PAUSE_MS_MAX, next_try_ms
from streamer.core.scoring import FACTS_EXPIRED, unread
from streamer.core.verdict import FailureKind, JudgeFailure, Usage, Verdict

JUDGED = Entry(
    state="judged",
    generation=3,
    judge_version="abc",
    transcript_hash="h",
    verdict=Verdict(value="none", rationale="ü 👟", usage=Usage(requests=1, input_tokens=7, cost_usd=0.1)),
    revision=2,
    turns=4,
    scored_at_ms=99,
)


@pytest.mark.parametrize(
    "entry",
    [
        JUDGED,
        replace(JUDGED, history=JUDGED.past()),
        replace(JUDGED, state="failed", verdict=None, failure=JudgeFailure(kind="timeout", detail="60 s")),
        Entry(state="retracted", generation=1, judge_version="v"),
    ],
)
def test_an_entry_survives_being_stored(entry: Entry) -> None:
    assert Entry.from_json(entry.to_json()) == entry


def test_a_verdict_that_stood_moves_into_history() -> None:
    assert [(past.revision, past.value, past.turns) for past in JUDGED.past()] == [(2, "none", 4)]


def test_history_is_bounded_and_keeps_the_latest() -> None:
    entry = JUDGED
    for revision in range(HISTORY_MAX + 5):
        entry = replace(JUDGED, revision=revision, history=entry.past())
    assert len(entry.past()) == HISTORY_MAX
    assert entry.past()[-1].revision == HISTORY_MAX + 4


@pytest.mark.parametrize(
    ("state", "mlflow", "feed", "owes"),
    [
        ("judged", True, True, False),
        ("judged", False, True, True),
        ("judged", True, False, True),
        ("retrying", False, False, True),
        ("deferred", False, False, True),
        ("failed", False, True, False),
        ("failed", False, False, True),
        ("removed", False, False, False),
        ("retracted", False, False, False),
    ],
)
def test_what_is_owed(state: EntryState, mlflow: bool, feed: bool, owes: bool) -> None:
    assert replace(JUDGED, state=state, mlflow=mlflow, feed=feed).owes is owes


LIMITS = Limits(retries_max=4, retry_ms=2_000)


@pytest.mark.parametrize(("attempts", "wait_ms"), [(1, 2_000), (2, 4_000), (3, 8_000), (4, None)])
def test_pauses_double_until_the_failure_is_final(attempts: int, wait_ms: int | None) -> None:
    assert next_try_ms(JudgeFailure(kind="timeout", detail=""), attempts, LIMITS) == wait_ms


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable", "authentication"])
def test_what_is_not_about_the_session_is_tried_for_a_day(kind: FailureKind) -> None:
    failure = JudgeFailure(kind=kind, detail="")
    assert sum(next_try_ms(failure, n, LIMITS) or 0 for n in range(1, PATIENT_TRIES_MAX)) > 24 * 3_600_000
    assert next_try_ms(failure, PATIENT_TRIES_MAX, LIMITS) is None


def test_expired_facts_keep_the_verdict_that_stood_in_the_history() -> None:
    expired = unread(JUDGED, FACTS_EXPIRED, 2, "v2", "quiet")
    assert (expired.state, expired.verdict, expired.revision) == ("failed", None, JUDGED.revision)
    assert expired.history == JUDGED.past()
    assert not expired.feed
    told = replace(expired, feed=True)
    assert unread(told, FACTS_EXPIRED, 2, "v2", "quiet") == told


@pytest.mark.parametrize("kind", ["bad_request", "refused", "context_too_long", "not_scorable"])
def test_what_would_fail_again_is_not_tried_again(kind: FailureKind) -> None:
    assert next_try_ms(JudgeFailure(kind=kind, detail=""), 1, LIMITS) is None


def test_retry_after_is_honoured_and_pauses_are_bounded() -> None:
    failure = JudgeFailure(kind="rate_limited", detail="429", retry_after_ms=30_000)
    assert next_try_ms(failure, 1, LIMITS) == 30_000
    assert next_try_ms(failure, 20, Limits(retries_max=99)) == PAUSE_MS_MAX
