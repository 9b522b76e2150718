"""Sampling is of sessions, nested and known for good; estimates weighted by the probability are right."""

import random
import statistics
from itertools import pairwise

import pytest

from streamer.core.choosing import choices, inclusion_of
from streamer.core.ids import Scope, session_key
from streamer.core.ledger import Entry
from streamer.core.rules import Rule
from streamer.core.sampling import EVERYBODY, Inclusion, draw
from streamer.core.turn import Turn

JUDGES = ("a", "b", "c")
KEYS = [session_key(Scope("default", "acme"), f"chat-{n}") for n in range(20_000)]


def rule(**changes: object) -> Rule:
    return Rule(idle_gap_ms=1, **changes)  # type: ignore[arg-type]


def turn(*, error: bool = False, thumbs_down: bool = False) -> Turn:
    return Turn(
        trace_id="t", version=1, start_ns=0, end_ns=1, user="u", assistant="a", error=error, thumbs_down=thumbs_down
    )


def entry(inclusion: Inclusion, state: str = "judged", revision: int = 1) -> Entry:
    return Entry(state=state, generation=1, judge_version="v", revision=revision, inclusion=inclusion)  # type: ignore[arg-type]


def sample(share: float) -> set[str]:
    chosen = rule(sampling=share)
    return {key for key in KEYS if choices(chosen, JUDGES, {}, draw(key), [turn()])["a"].is_in}


def test_the_number_of_a_session_never_changes() -> None:
    assert draw("0" * 32) == 0.43218597854955765
    assert draw(KEYS[0]) == 0.7792916389294284


def test_smaller_samples_are_part_of_greater_ones_and_as_large_as_they_should_be() -> None:
    samples = [sample(share) for share in (0.0, 0.01, 0.1, 0.2, 0.5, 1.0)]
    assert all(small <= great for small, great in pairwise(samples))
    assert samples[0] == set()
    assert samples[-1] == set(KEYS)
    assert len(samples[2]) == pytest.approx(2_000, abs=150)


def test_every_judge_reads_the_same_sessions() -> None:
    for key in KEYS[:500]:
        assert len(set(choices(rule(sampling=0.3), JUDGES, {}, draw(key), [turn()]).values())) == 1


def test_a_judge_that_the_rule_does_not_name_is_filtered_whatever_the_sample() -> None:
    chosen = choices(rule(judges=("b",), name="r"), JUDGES, {}, draw(KEYS[0]), [turn()])
    assert chosen == {
        "a": Inclusion(0.0, "filtered", "r"),
        "b": Inclusion(1.0, "all", "r"),
        "c": Inclusion(0.0, "filtered", "r"),
    }


@pytest.mark.parametrize(("said", "reason"), [({"error": True}, "error"), ({"thumbs_down": True}, "thumbs_down")])
def test_what_is_always_judged_has_probability_one_wherever_its_number_lies(said: dict[str, bool], reason: str) -> None:
    always = rule(sampling=0.5, always_judge=("error", "thumbs_down"))
    chosen = {inclusion_of(always, [], draw(key), [turn(), turn(**said)]) for key in KEYS[:50]}
    assert chosen == {Inclusion(1.0, reason, "default")}  # type: ignore[arg-type]
    assert {inclusion_of(rule(sampling=0.0), [], draw(key), [turn(**said)]).is_in for key in KEYS[:50]} == {False}


def test_who_was_included_stays_so_and_the_greatest_chance_counts() -> None:
    out = 0.51
    narrow = rule(sampling=0.1, name="narrow")
    was = Inclusion(0.6, "sample", "wide")
    assert inclusion_of(narrow, [entry(was)], out, [turn()]) == was
    assert inclusion_of(narrow, [entry(was, "retrying", 0)], out, [turn()]) == was
    assert inclusion_of(rule(name="all"), [entry(was)], out, [turn()]) == Inclusion(1.0, "all", "all")
    assert not inclusion_of(
        narrow, [entry(Inclusion(0.6, "sampled_out", "wide"), "sampled_out", 0)], out, [turn()]
    ).is_in


def test_a_session_that_was_only_ever_empty_is_drawn_like_any_other() -> None:
    out = 0.51
    assert not inclusion_of(rule(sampling=0.1), [entry(EVERYBODY, "retracted", 0)], out, [turn()]).is_in


def test_a_new_judge_reads_whoever_another_one_reads() -> None:
    out = 0.51
    ledger = {"a": entry(Inclusion(0.9, "sample", "wide"))}
    assert choices(rule(sampling=0.1), JUDGES, ledger, out, [turn()])["c"] == ledger["a"].inclusion


def test_weighted_by_their_probability_verdicts_estimate_all_sessions() -> None:
    """A fifth is frustrated; of those half have an error, of the others a tenth. Errors are always judged."""
    r, always = random.Random(4), rule(sampling=0.2, always_judge=("error",))
    frustrated, errors, estimates, naive = 0, 0, list[float](), list[float]()
    for key in KEYS:
        is_frustrated = r.random() < 0.2
        has_error = r.random() < (0.5 if is_frustrated else 0.1)
        frustrated, errors = frustrated + is_frustrated, errors + has_error
        chosen = inclusion_of(always, [], draw(key), [turn(error=has_error)])
        if chosen.is_in:
            estimates.append(is_frustrated / chosen.probability)
            naive.append(is_frustrated)
    assert sum(estimates) == pytest.approx(frustrated, rel=0.05)
    assert statistics.mean(naive) > 1.4 * frustrated / len(KEYS)
