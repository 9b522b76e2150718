"""Which sessions people are asked about: the same for all, of every verdict, in an order that tells nothing."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.assemble import assemble
from streamer.core.assessment import RowRef
from streamer.core.ids import Scope, assessment_id
from streamer.core.judges import JudgeSpec
from streamer.core.labels import ALL, Draw, Drawing, allocated, choices_of, label_id, label_row, question_of
from streamer.core.session import SessionRef
from streamer.core.verdict import VerdictValue

SCOPE = Scope("spans", "acme")
COUNTS = {"none": 900, "resolved": 20, "unresolved": 80}


def ref(name: str) -> SessionRef:
    return SessionRef(SCOPE, name)


def drawn(sample: int, seed: int = 1, counts: dict[str, int] = COUNTS, *, backwards: bool = False) -> Draw:
    drawing = Drawing("user_frustration", sample=sample, stratify="verdict", seed=seed)
    told = [(ref(f"{value}-{n}"), value) for value, count in counts.items() for n in range(count)]
    for session, value in reversed(told) if backwards else told:
        drawing.add(session, value)
    return drawing.drawn(7)


def test_rare_verdicts_are_drawn_as_often_as_they_are_there() -> None:
    draw = drawn(100)
    assert {name: one.drawn for name, one in draw.strata.items()} == {"none": 40, "resolved": 20, "unresolved": 40}
    assert Counter(one.stratum for one in draw.sessions) == {"none": 40, "resolved": 20, "unresolved": 40}
    assert draw.strata["none"].weight == 900 / 40
    assert sum(one.weight * one.drawn for one in draw.strata.values()) == 1_000


def test_the_same_seed_draws_the_same_whatever_order_they_come_in() -> None:
    assert drawn(100) == drawn(100, backwards=True)
    assert drawn(100).sessions != drawn(100, seed=2).sessions


def test_a_greater_sample_holds_the_smaller_one() -> None:
    few, many = ({one.session for one in drawn(n).sessions} for n in (60, 240))
    assert few < many


def test_the_order_tells_nothing_of_the_verdict() -> None:
    strata = [one.stratum for one in drawn(100).sessions]
    changes = sum(a != b for a, b in pairwise(strata))
    assert changes > 40  # sorted by stratum there would be two


def test_without_strata_everybody_has_the_same_chance() -> None:
    drawing = Drawing("j", sample=30, stratify="none", seed=1)
    for n in range(600):
        drawing.add(ref(f"s{n}"), float(n))
    draw = drawing.drawn(7)
    assert (draw.strata[ALL].sessions, draw.strata[ALL].drawn, len(draw.sessions)) == (600, 30, 30)


def test_a_scale_has_no_strata() -> None:
    drawing = Drawing("j", sample=3, stratify="verdict", seed=1)
    for n in range(12):
        drawing.add(ref(f"s{n}"), n / 7)
    with pytest.raises(ValueError, match="more than 12 different"):
        drawing.add(ref("s12"), 12 / 7)


def test_a_draw_survives_being_kept() -> None:
    draw = drawn(5)
    assert Draw.from_json(draw.to_json()) == draw


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8), st.integers(0, 200))
def test_as_many_are_drawn_as_there_are_and_none_twice(sizes: dict[str, int], sample: int) -> None:
    numbers = allocated(sizes, sample)
    assert sum(numbers.values()) == min(sample, sum(sizes.values()))
    assert all(0 <= numbers[name] <= size for name, size in sizes.items())
    rest = [numbers[name] for name, size in sizes.items() if numbers[name] < size]
    assert max(rest, default=0) - min(rest, default=0) <= 1  # as equal as it can be


@pytest.mark.parametrize(
    ("spec", "choices"),
    [
        (JudgeSpec(type="user_frustration", name="u", model="m"), ("none", "resolved", "unresolved")),
        (JudgeSpec(type="knowledge_retention", name="k", model="m"), ("yes", "no")),
        (JudgeSpec(type="make_judge", name="b", model="m", value_type="bool"), (True, False)),
        (JudgeSpec(type="make_judge", name="l", model="m", labels=("curt", "rude")), ("curt", "rude")),
        (JudgeSpec(type="make_judge", name="n", model="m", value_type="int"), ()),
    ],
)
def test_people_choose_among_the_judges_own_labels(spec: JudgeSpec, choices: tuple[VerdictValue, ...]) -> None:
    assert choices_of(spec) == choices
    assert all(spec.type != "make_judge" or spec.accepts(one) for one in choices)


def test_people_are_asked_what_the_judge_is_asked() -> None:
    asked = JudgeSpec(type="make_judge", name="p", model="m", instructions="Was {{ conversation }} polite?")
    assert question_of(asked) == "Was {{ conversation }} polite?"
    guided = JudgeSpec(type="conversational_guidelines", name="g", model="m", guidelines=("Be brief.",))
    assert question_of(guided).endswith("- Be brief.")


def test_a_label_has_an_id_of_its_own_and_says_how_it_was_drawn() -> None:
    session, person = ref("s"), "ada"
    own = label_id("streamer", session, "user_frustration", person)
    assert own != label_id("streamer", session, "user_frustration", "ben")
    assert own != assessment_id("streamer", "0" * 32, "s", "user_frustration")
    assert len(own) <= 50
    row = label_row(
        RowRef(own, "tr-1", "user_frustration"), assemble("s", {}), drawn(100), "none", person, "resolved", ""
    )
    assert (row.source_type, row.source_id, row.value, row.error) == ("HUMAN", "ada", "resolved", None)
    assert row.metadata["mlflow.trace.session"] == "s"
    assert row.metadata["streamer.label_weight"] == "22.5"
    assert "streamer.revision" not in row.metadata  # nothing takes it for a verdict
