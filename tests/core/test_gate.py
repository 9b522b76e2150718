"""A limit on a judge's share: how it is said, and when it is met."""

import pytest

from streamer.core.gate import Gate, Scored, gates_of
from streamer.core.judges import JudgeSpec

SPECS = {
    spec.name: spec
    for spec in (
        JudgeSpec(type="user_frustration", name="user_frustration", model="openai:/m"),
        JudgeSpec(type="make_judge", name="tone", model="openai:/m", labels=("polite", "neutral", "rude")),
        JudgeSpec(type="make_judge", name="quality", model="openai:/m", value_type="int"),
        JudgeSpec(type="make_judge", name="kept", model="openai:/m", value_type="bool"),
        JudgeSpec(type="conversation_completeness", name="a:b", model="openai:/m"),
    )
}


def gate(text: str) -> Gate:
    return gates_of([text], SPECS)[0]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("user_frustration=0.9", ["none", "resolved"], ["unresolved"]),
        ("user_frustration:none=90%", ["none"], ["resolved", "unresolved"]),
        ("tone:polite|neutral=1", ["polite", "neutral"], ["rude"]),
        ("quality:4|5=0.5", [4, 5], [3, "4", True]),
        ("quality:>=4=0.5", [4, 5], [3, "5", True]),
        ("kept=0.5", [True], [False, 1]),
        ("kept:false=0.5", [False], [True, 0]),
        ("a:b=1", ["yes"], ["no"]),
    ],
)
def test_which_verdicts_are_good(text: str, good: list[object], bad: list[object]) -> None:
    parsed = gate(text)
    assert [value for value in [*good, *bad] if parsed.takes(value)] == good  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_frustration", "is not <judge>=<share>"),
        ("user_frustration=1.1", "is not <judge>=<share>"),
        ("user_frustration=nan", "is not <judge>=<share>"),
        ("mood=0.9", "no judge 'mood' in this run; it has user_frustration, tone"),
        ("tone=0.9", "which values of tone are good? Name them, as in tone:polite=0.9"),
        ("quality=0.9", "as in quality:>=4=0.9"),
        ("tone:angry=0.9", "tone never says 'angry'; it says polite, neutral, rude"),
        ("quality:high=0.9", "quality never says 'high'; it says a int"),
    ],
)
def test_what_cannot_be_a_gate_is_said_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="--fail-under") as caught:
        gate(text)
    assert said in str(caught.value)


def results(good: int, bad: int, failed: int) -> list[Scored]:
    values = ["none"] * good + ["unresolved"] * bad
    scored = [Scored("user_frustration", f"s-{n}", value) for n, value in enumerate(values)]
    return [
        *scored,
        *(Scored("user_frustration", f"f-{n}", failure="timeout") for n in range(failed)),
        Scored("user_frustration", "nobody looked"),
        Scored("tone", "another judge's", "rude"),
    ]


@pytest.mark.parametrize(
    ("good", "bad", "failed", "state"),
    [
        (9, 1, 0, "met"),
        (89, 11, 0, "missed"),
        (8, 0, 2, "open"),  # 0.8 were both bad, 1.0 were both good
        (9, 0, 1, "met"),  # 0.9 even if the failure hides a bad one
        (7, 2, 1, "missed"),  # 0.8 even if it hides a good one
        (0, 0, 0, "open"),
        (0, 0, 3, "open"),
    ],
)
def test_a_failure_is_neither_good_nor_bad(good: int, bad: int, failed: int, state: str) -> None:
    weighed = gate("user_frustration=0.9").weigh(results(good, bad, failed))
    assert (weighed.good, weighed.bad, weighed.failed, weighed.state) == (good, bad, failed, state)
    assert str(weighed).endswith(f"90% wanted: {state}")
