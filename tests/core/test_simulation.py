"""Cases as they are written, and the user that needs no model."""

import pytest

from streamer.core import scripted_user
from streamer.core.simulation import Case, cases_of


def test_a_case_as_mlflow_takes_it() -> None:
    [case] = cases_of(
        [{"goal": " get a refund ", "persona": "in a hurry", "simulation_guidelines": "be brief", "context": {"a": 1},
          "expectations": {"refund": True}, "says": ["Hello", "Bye"]}]
    )  # fmt: skip
    assert case.name == "get a refund · in a hurry"
    assert case.says == ("Hello", "Bye")
    assert case.for_mlflow() == {
        "goal": "get a refund", "persona": "in a hurry", "simulation_guidelines": ["be brief"], "context": {"a": 1},
        "expectations": {"refund": True},
    }  # fmt: skip
    assert Case(goal="x").for_mlflow() == {"goal": "x"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "there is no case"),
        (["goal"], "case 1 is 'goal'"),
        ([{"goal": "x"}, {"persona": "y"}], "case 2 has no goal"),
        ([{"goal": "x", "persna": "y"}], "case 1 has 'persna': did you mean persona?"),
        ([{"goal": "x", "zzz": 1}], "known are goal, persona"),
        ([{"goal": "x", "persona": 1}], "persona is text"),
        ([{"goal": "x", "says": [1]}], "says is text or a list of texts"),
        ([{"goal": "x", "context": [1]}], "context is a table"),
        ([{"goal": "x", "context": {"messages": 1}}], "messages in its context"),
    ],
)
def test_a_wrong_case_is_said_with_its_number(rows: list[object], said: str) -> None:
    with pytest.raises(ValueError, match="case") as caught:
        cases_of(rows)
    assert said in str(caught.value)


def test_the_scripted_user_says_its_lines_or_makes_them_up_by_persona() -> None:
    scripted = Case(goal="x", says=("One.", "Two."))
    assert [scripted_user.line(scripted, turn) for turn in range(3)] == ["One.", "Two.", "Two."]
    calm, angry = Case(goal="find my parcel"), Case(goal="find my parcel", persona="an impatient man")
    assert scripted_user.line(calm, 0) == scripted_user.line(angry, 0) == "Hello. Find my parcel, please."
    assert "useless" in scripted_user.line(angry, 2)
    assert "useless" not in scripted_user.line(calm, 2)


@pytest.mark.parametrize(
    ("case", "answers", "achieved"),
    [
        (Case(goal="find out where my parcel is"), ["I do not know."], False),
        (Case(goal="find out where my parcel is"), ["I do not know.", "Your PARCEL comes tomorrow."], True),
        (Case(goal="do it"), ["do it"], False),  # no word of its own: it goes on to the last turn
        (Case(goal="x", says=("a", "b")), ["x"], False),
        (Case(goal="x", says=("a", "b")), ["1", "2"], True),
    ],
)
def test_when_the_scripted_user_is_content(case: Case, answers: list[str], achieved: bool) -> None:
    assert scripted_user.is_achieved(case, answers) is achieved
