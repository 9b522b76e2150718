"""A judge beside people and beside itself: the figures, how well they are known, and what is left out of them."""

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from streamer.core.agreement import Agreement, Answers, fleiss, flips
from streamer.core.alerts.interval import wilson
from streamer.core.assessment import StoredRow, StoredTrace
from streamer.core.labels import DRAW_KEY, STRATA_KEY, STRATUM_KEY, allocated
from streamer.core.pairs import Found, Pair, Paired, paired
from streamer.core.row import SESSION_KEY
from streamer.core.strata import Stratified

STRATA = {"none": 900, "unresolved": 100}


def human(session: str, value: Any, person: str = "ada", stratum: str | None = "none", **said: str) -> StoredRow:
    about = {DRAW_KEY: "1", STRATUM_KEY: stratum, STRATA_KEY: json.dumps(STRATA)} if stratum else {}
    metadata = {SESSION_KEY: session, **about, **said}
    return StoredRow(f"l-{session}{person}", "tr", "uf", "HUMAN", person, value, None, "", metadata, True)


def verdict(session: str, value: Any, **said: str) -> StoredRow:
    known = {"revision": "1", "turns": "2", "transcript_hash": "h", "token": "5", "judge_version": "v", **said}
    metadata = {SESSION_KEY: session, **{f"streamer.{name}": text for name, text in known.items()}}
    return StoredRow(f"a-{session}", "tr", "uf", "LLM_JUDGE", "openai:/m", value, None, "", metadata, True)


def joined(*rows: StoredRow, picked: bool = False) -> Paired:
    """Each row on a trace of its own: the first trace may have moved."""
    found = Found("uf")
    for n, row in enumerate(rows):
        found.add(StoredTrace(f"tr-{n}", "0", n, [row._replace(trace_id=f"tr-{n}")]))
    return paired(found, picked=picked)


def test_verdict_and_label_meet_by_session_wherever_they_stand() -> None:
    told = joined(verdict("s", "none"), human("s", "unresolved"))
    [pair] = told.pairs
    assert (pair.verdict, pair.label, pair.people, pair.trace_id) == ("none", "unresolved", ("ada",), "tr-0")


def test_of_two_verdicts_the_one_with_the_greater_token_counts() -> None:
    old, new = verdict("s", "none", token="5"), verdict("s", "resolved", token="6")
    for rows in ((old, new), (new, old)):
        assert joined(*rows, human("s", "none")).pairs[0].verdict == "resolved"


def test_rows_that_are_no_word_on_a_session_are_left_out() -> None:
    other = verdict("s", "none")._replace(metadata={SESSION_KEY: "s"}, source_id="MLflow's own scorer")
    on_turn = human("s", "none")._replace(metadata={})
    overridden = human("s", "none")._replace(valid=False)
    found = Found("uf")
    found.add(
        StoredTrace("tr-0", "0", 0, [other, on_turn, on_turn, overridden, human("s", "x")._replace(name="other")])
    )
    assert (found.said, dict(found.labels), len(found.on_turns)) == ({}, {}, 1)


def test_each_label_stands_for_its_share_of_its_stratum() -> None:
    rows = [verdict(f"n{n}", "none") for n in range(3)] + [human(f"n{n}", "none") for n in range(3)]
    rows += [verdict("u", "unresolved", inclusion_probability="0.5"), human("u", "unresolved", stratum="unresolved")]
    assert {pair.session_id: pair.weight for pair in joined(*rows).pairs} == {"n0": 300, "n1": 300, "n2": 300, "u": 200}


def test_a_stratum_that_nobody_labelled_is_named() -> None:
    assert joined(verdict("s", "none"), human("s", "none")).unseen == {"unresolved": 100}


def test_what_cannot_be_compared_is_counted_by_reason() -> None:
    failed = verdict("failed", None)._replace(error_code="refused")
    told = joined(
        human("alone", "none"),
        failed,
        human("failed", "none"),
        verdict("split", "none"),
        human("split", "none"),
        human("split", "resolved", "ben"),
        verdict("picked", "none"),
        human("picked", "none", stratum=None),
        verdict("grown", "none"),
        human("grown", "none", **{"streamer.transcript_hash": "other", "streamer.turns": "1"}),
    )
    assert dict(told.left_out) == {"no_verdict": 1, "judge_failed": 1, "people_disagree": 1, "picked": 1, "grown": 1}
    assert told.pairs == []
    assert told.among_people == [["none", "resolved"]]


def test_labels_that_somebody_picked_count_when_asked_for_or_alone() -> None:
    rows = (verdict("s", "none"), human("s", "none", stratum=None))
    assert [pair.weight for pair in joined(*rows).pairs] == [1.0]
    more = (*rows, verdict("t", "none"), human("t", "none"))
    assert [pair.session_id for pair in joined(*more).pairs] == ["t"]
    assert {pair.session_id: pair.weight for pair in joined(*more, picked=True).pairs} == {"s": 1.0, "t": 900.0}


def test_a_label_of_before_the_user_came_back_meets_the_verdict_of_then() -> None:
    history = json.dumps([{"revision": 1, "value": "unresolved", "turns": 1}])
    old = human("s", "unresolved", **{"streamer.transcript_hash": "earlier", "streamer.turns": "1"})
    [pair] = joined(verdict("s", "resolved", history=history), old).pairs
    assert (pair.verdict, pair.label) == ("unresolved", "unresolved")


def test_the_majority_of_several_people_counts() -> None:
    rows = [
        verdict("s", "none"),
        *(human("s", value, who) for value, who in (("none", "a"), ("none", "b"), ("x", "c"))),
    ]
    [pair] = joined(*rows).pairs
    assert (pair.label, pair.people) == ("none", ("a", "b"))


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"none": "many"}'])
def test_metadata_that_somebody_has_edited_make_a_label_a_picked_one(text: str) -> None:
    edited = human("s", "none", **{STRATA_KEY: text, "streamer.turns": "two"})
    assert joined(verdict("s", "none", inclusion_probability="much", turns="?"), edited).drawn is False


# ---------------------------------------------------------------- figures


def pair(said: str, label: str, weight: float = 1.0, stratum: str = "") -> Pair:
    return Pair(
        session_id="", verdict=said, label=label, people=(), note="", stratum=stratum, weight=weight,
        judge_version="", trace_id="", experiment_id="",
    )  # fmt: skip


def table(**cells: int) -> list[Pair]:
    """`yes_no=3`: the judge said yes and people no, three times."""
    told = [(*name.partition("_")[::2], count) for name, count in cells.items()]
    return [pair(verdict, label) for verdict, label, count in told for _ in range(count)]


def test_cohens_own_example() -> None:
    """Cohen, Educational and Psychological Measurement 20 (1960), table 1 with 200 cases: kappa 0.492."""
    cells = {"a_a": 88, "a_b": 14, "a_c": 18, "b_a": 10, "b_b": 40, "b_c": 10, "c_a": 2, "c_b": 6, "c_c": 12}
    figures = Agreement.of(table(**cells))
    assert figures.raw.share == 0.70
    assert figures.kappa is not None
    assert figures.kappa.kappa == pytest.approx(0.492, abs=0.001)
    assert figures.kappa.interval.low < 0.492 < figures.kappa.interval.high


def test_kappa_is_scikit_learns_with_weights_too() -> None:
    draws = random.Random(3)
    pairs = [pair(draws.choice("abc"), draws.choice("aab"), draws.uniform(0.5, 30)) for _ in range(200)]
    said, labels, weights = zip(*((one.verdict, one.label, one.weight) for one in pairs), strict=True)
    figures = Agreement.of(pairs)
    assert figures.kappa is not None
    assert figures.kappa.kappa == pytest.approx(cohen_kappa_score(said, labels, sample_weight=weights))


def test_precision_and_recall_of_each_label() -> None:
    yes = Agreement.of(table(yes_yes=8, yes_no=2, no_yes=4, no_no=86)).labels["yes"]
    assert yes.precision.share == 0.8
    assert yes.recall.share == pytest.approx(8 / 12)
    assert (yes.judge.share, yes.people.share) == (0.1, 0.12)
    assert yes.recall.interval == pytest.approx(wilson(8, 12))
    assert yes.recall.count == 12


def test_with_one_stratum_a_share_has_wilsons_interval() -> None:
    share = Stratified()
    for n in range(40):
        share.add("", n < 30, 2.5)
    assert share.interval == pytest.approx(wilson(30, 40))


def test_nothing_is_said_where_nothing_can_be() -> None:
    empty, alike = Agreement.of([]), Agreement.of(table(no_no=9))
    assert (empty.raw.share, empty.raw.interval, empty.kappa, alike.kappa) == (None, None, None, None)
    assert alike.raw.share == 1.0


def test_perfect_agreement_of_few_is_not_certain() -> None:
    kappa = Agreement.of(table(yes_yes=5, no_no=5)).kappa
    assert kappa is not None
    assert kappa.kappa == 1.0
    assert kappa.interval.high == pytest.approx(1.0)
    assert kappa.interval.low < 0.6


def test_a_miss_that_stands_for_many_weighs_as_many() -> None:
    """34 of 900 good ones were read, one of them was bad: there are 26 such, more than the judge found."""
    pairs = [pair("none", "none", 900 / 34, "n")] * 33 + [pair("none", "bad", 900 / 34, "n")]
    pairs += [pair("bad", "bad", 20 / 20, "b")] * 20
    recall = Agreement.of(pairs).labels["bad"].recall
    assert recall.share == pytest.approx(20 / (20 + 900 / 34))
    assert recall.interval is not None
    assert recall.interval.low < 0.2
    assert recall.interval.high > 0.7


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """100 labels in equal numbers of each verdict of 10,000 sessions, drawn 400 times; the judge's errors are rare."""
    share = {"none": 0.9, "resolved": 0.02, "unresolved": 0.08}
    people = {"none": (0.97, 0.01, 0.02), "resolved": (0.3, 0.6, 0.1), "unresolved": (0.15, 0.05, 0.8)}
    sizes = {name: round(10_000 * part) for name, part in share.items()}
    numbers, names, draws = allocated(sizes, 100), list(share), random.Random(11)
    found = sum(share[name] * people[name][2] for name in names)
    truth = {
        "raw": sum(share[name] * people[name][n] for n, name in enumerate(names)),
        "recall": share["unresolved"] * people["unresolved"][2] / found,
        "precision": people["unresolved"][2],
    }
    held = dict.fromkeys(truth, 0)
    for _ in range(400):
        pairs = [
            pair(name, label, sizes[name] / numbers[name], name)
            for name in names
            for label in draws.choices(names, people[name], k=numbers[name])
        ]
        figures = Agreement.of(pairs)
        one = figures.labels["unresolved"]
        for what, measured in (("raw", figures.raw), ("recall", one.recall), ("precision", one.precision)):
            low, high = measured.interval or (0.0, 1.0)
            held[what] += low <= truth[what] <= high
    assert all(count / 400 >= 0.91 for count in held.values()), held


# ---------------------------------------------------------------- the judge beside itself


def said(*answers: str) -> list[Answers]:
    return [Answers(tuple(one)) for one in answers]


def test_fleiss_kappa_of_a_worked_example() -> None:
    """Ten subjects, fourteen raters, five categories, kappa 0.210 (Wikipedia, Fleiss' kappa, worked example)."""
    rows = ["0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1"]
    rows += ["7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2", "6 5 2 1 0", "0 2 2 3 7"]
    answers = ["".join(a * int(n) for a, n in zip("abcde", row.split(), strict=True)) for row in rows]
    assert {len(one) for one in answers} == {14}
    kappa = fleiss(said(*answers))
    assert kappa is not None
    assert kappa.kappa == pytest.approx(0.210, abs=0.001)


def test_a_judge_that_never_changes_its_mind_and_one_that_throws_dice() -> None:
    steady = fleiss(said("aaaaa", "bbbbb", "aaaaa"))
    assert steady is not None
    assert steady.kappa == 1.0
    draws = random.Random(5)
    dice = fleiss(said(*("".join(draws.choices("ab", k=5)) for _ in range(400))))
    assert dice is not None
    assert abs(dice.kappa) < 0.05


@pytest.mark.parametrize("answers", [said(), said("a", "b"), said("aaa", "aaa")])
def test_there_is_no_kappa_without_two_answers_and_two_values(answers: Iterable[Answers]) -> None:
    assert fleiss(answers) is None


def test_sessions_that_flip_are_weighed() -> None:
    answers = [Answers("aaa", "n", 90.0), Answers("aab", "u", 10.0), Answers("a", "u", 10.0)]
    share = flips(answers)
    assert (share.share, share.count) == (0.1, 2)
    assert flips(one._replace(weight=1.0) for one in answers).share == 0.5
