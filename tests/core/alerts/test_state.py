"""A state written between any two conversations goes on as one that was not; `fold` leaves its argument alone."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.core.alerts.detector import Detector
from streamer.core.alerts.fold import SeriesState, born, enters, fold, new_normal
from streamer.core.alerts.observation import Observation, observed
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from tests.core.alerts.feeds import HOUR_MS, RULE, START_MS, history, verdict

LIMIT = AlertRule(
    name="limit", judge=RULE.judge, labels=RULE.labels, kind="limit", limit_share=0.3, conversations_min=5
)
VERSION = AlertRule(
    name="version", judge=RULE.judge, labels=RULE.labels, kind="version", conversations_per_false_alarm=1_000
)
STEPS = st.lists(st.tuples(st.integers(0, 9 * HOUR_MS), st.booleans(), st.sampled_from(("1", "2", None))), max_size=120)


def observations(steps: list[tuple[int, bool, str | None]]) -> list[Observation]:
    at_ms, seen = START_MS, []
    for n, (after_ms, bad, version) in enumerate(steps):
        at_ms += after_ms
        value = "unresolved" if bad else "none"
        seen.append(observed(verdict(n, at_ms, value, service_version=version)))
    return seen


@pytest.mark.parametrize("rule", [RULE, LIMIT, VERSION], ids=lambda rule: rule.kind)
@settings(max_examples=40)
@given(steps=STEPS)
def test_writing_a_state_down_changes_nothing(rule: AlertRule, steps: list[tuple[int, bool, str | None]]) -> None:
    kept: SeriesState | None = None
    written: bytes | None = None
    for seen in observations(steps):
        kept, said = fold(rule, kept, seen)
        again = fold(rule, SeriesState.decoded(written) if written else None, seen)
        assert again.state is not None
        written = again.state.encoded()
        assert (kept, said) == (again.state, again.proposal)


@settings(max_examples=30)
@given(steps=STEPS, rule=st.sampled_from((RULE, LIMIT, VERSION)))
def test_a_fold_leaves_its_argument_alone(steps: list[tuple[int, bool, str | None]], rule: AlertRule) -> None:
    state: SeriesState | None = None
    for seen in observations(steps):
        before = state.encoded() if state else None
        after = fold(rule, state, seen).state
        assert state is None or state.encoded() == before
        state = after


def proposals(rule: AlertRule, records: list[dict[str, object]]) -> tuple[SeriesState, list[Proposal]]:
    state: SeriesState | None = None
    said = []
    for record in records:
        state, proposal = fold(rule, state, observed(record))
        said += [proposal] if proposal else []
    assert state is not None
    return state, said


def test_raise_and_resolve_take_turns_and_a_state_stays_small() -> None:
    state, said = proposals(RULE, history(8, 40, spikes=[(150, 156, 6), (175, 180, 6)]))
    assert [one.kind for one in said] == ["raise", "resolve"] * (len(said) // 2)
    assert len(said) >= 2
    assert len(state.encoded()) < 6_000


def test_a_record_that_does_not_enter_leaves_the_state_itself() -> None:
    state = fold(RULE, None, observed(verdict(1, START_MS))).state
    for other in (
        verdict(2, START_MS, origin="backfill"),
        verdict(2, START_MS, revision=2, supersedes=1),
        verdict(2, START_MS, judge="another"),
        verdict(2, START_MS, inclusion={"probability": 1.0, "reason": "error", "rule": "unknown"}),
    ):
        assert not enters(RULE, state, observed(other))
        assert fold(RULE, state, observed(other)).state is state


def test_an_interim_first_verdict_enters() -> None:
    assert enters(RULE, None, observed(verdict(1, START_MS, interim=True)))


def test_a_new_normal_is_learned_and_the_episode_over() -> None:
    state, said = proposals(RULE, history(6, 60, spikes=[(114, 10**6, 6)]))
    assert [one.kind for one in said] == ["raise"]
    accepted = new_normal(RULE, state)
    assert isinstance(state.watch, Detector)
    assert state.watch.ongoing is not None, "the argument is left alone"
    assert isinstance(accepted.watch, Detector)
    assert accepted.watch.ongoing is None
    baseline = accepted.watch.baseline
    assert 0.15 < baseline.usual(baseline.now).mean < 0.4
    _, more = proposals_from(accepted, history(8, 60, spikes=[(0, 10**6, 6)], seed=2)[9_000:])
    assert more == []


def proposals_from(state: SeriesState, records: list[dict[str, object]]) -> tuple[SeriesState, list[Proposal]]:
    said = []
    for record in records:
        folded = fold(RULE, state, observed(record))
        assert folded.state is not None
        state = folded.state
        said += [folded.proposal] if folded.proposal else []
    return state, said


def test_an_heir_carries_an_open_episode_on_under_the_name_of_the_raise() -> None:
    state, (raised,) = proposals(RULE, history(6, 60, spikes=[(114, 10**6, 6)]))
    seen = observed(verdict(1, START_MS + 145 * HOUR_MS, judge_version="ba9876543210"))
    heir = born(RULE, seen, state)
    assert isinstance(heir.watch, Detector)
    assert heir.watch.ongoing is not None
    assert heir.watch.ongoing.series == raised.series
    calm = [
        {**record, "judge_version": "ba9876543210"}
        for record in history(9, 60, seed=3)
        if record["session"]["end_ms"] > seen.at_ms
    ]
    _, said = proposals_from(heir, calm)
    assert [(one.kind, one.series) for one in said] == [("resolve", raised.series)]


def test_a_state_of_another_version_is_refused() -> None:
    raw = json.dumps([99, "spike", {}, []]).encode()
    with pytest.raises(ValueError, match="version 99"):
        SeriesState.decoded(raw)
