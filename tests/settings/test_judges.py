"""A judge that MLflow would refuse, or whose answers never count, is refused at once."""

import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

from streamer.settings.judges import VARIABLE
from tests.settings.conftest import Given


def judge(kind: str = "user_frustration", **values: str) -> str:
    given = "".join(f"{key} = {value}\n" for key, value in values.items())
    return f'[[judges]]\ntype = "{kind}"\n{given}'


def custom(instructions: str) -> str:
    return judge("make_judge", instructions=f'"{instructions}"')


def own(**values: str) -> str:
    return judge("make_judge", instructions='"{{ conversation }}"', **values)


def test_the_pattern_of_variables_is_mlflows_own() -> None:
    found = find_spec("mlflow")
    assert found is not None
    assert found.submodule_search_locations
    constants = runpy.run_path(str(Path(found.submodule_search_locations[0]) / "prompt" / "constants.py"))
    assert constants["PROMPT_TEMPLATE_VARIABLE_PATTERN"].pattern == VARIABLE.pattern


@pytest.mark.parametrize(
    "said", ["{{conversation}}", "{{ conversation }}", "{{  conversation\\t}}", "{{conversation}} {{expectations }}"]
)
def test_the_conversation_is_named_with_any_spacing(given: Given, said: str) -> None:
    given.loads(custom(f"Polite? {said}"))


@pytest.mark.parametrize("said", ["", "polite?", "{conversation}", "{{ conversations }}", "{{ conversation | upper }}"])
def test_instructions_without_the_conversation_are_refused(given: Given, said: str) -> None:
    assert "judges[0] (streamer.toml:1) needs instructions with {{ conversation }}" in given.refused(custom(said))


def test_variables_that_a_judge_of_sessions_cannot_read_are_named(given: Given) -> None:
    said = given.refused(custom("{{conversation}} {{ inputs }} {{user.name}} {{inputs}}"))
    assert said.startswith("judges[0] (streamer.toml:1) cannot read {{ inputs }}, {{ user.name }}; a judge of sessions")


@pytest.mark.parametrize("name", ["", "  ", "a" * 251, "a\\nb", "a\\u0000", "\\u2028a"])
def test_a_name_that_can_be_no_rows_name_is_refused(given: Given, name: str) -> None:
    said = given.refused(judge(name=f'"{name}"'))
    assert said.startswith("judges[0].name (streamer.toml:3) must be 1 to 250 printable characters")


@pytest.mark.parametrize("name", ["a" * 250, "höflich?", "👩‍💻 tone"])
def test_a_name_may_be_any_text_that_people_can_read(given: Given, name: str) -> None:
    assert given.loads(judge(name=f'"{name}"')).judge_specs()[0].name == name


@pytest.mark.parametrize(
    ("value_type", "labels"),
    [("str", "[true, false]"), ("str", '["a", 1]'), ("bool", "[0, 1]"), ("int", "[true]"), ("float", "[0, 1]")],
)
def test_labels_of_another_type_than_the_value_are_refused(given: Given, value_type: str, labels: str) -> None:
    said = given.refused(own(value_type=f'"{value_type}"', labels=labels))
    assert said.startswith("judges[0] (streamer.toml:1) has labels of type ")
    assert f'value_type = "{value_type}"' in said


@pytest.mark.parametrize(
    ("value_type", "labels"),
    [("str", '["a", "b"]'), ("bool", "[true, false]"), ("int", "[0, 1]"), ("float", "[0.0, 1.0]"), ("int", "[]")],
)
def test_labels_of_the_values_type_are_taken(given: Given, value_type: str, labels: str) -> None:
    given.loads(own(value_type=f'"{value_type}"', labels=labels))


def test_a_label_twice_is_refused(given: Given) -> None:
    assert "has a label twice" in given.refused(own(labels='["a", "b", "a"]'))


def test_a_misspelt_type_is_told_with_the_nearest_and_all(given: Given) -> None:
    said = given.refused(judge("user_frustation"))
    assert said.startswith("judges[0].type (streamer.toml:2) must be one of user_frustration, conversation_complete")
    assert said.endswith("did you mean user_frustration?")


def test_guidelines_are_needed_and_names_are_not_shared(given: Given) -> None:
    assert 'judges[0] (streamer.toml:1) needs guidelines = ["…"]' in given.refused(judge("conversational_guidelines"))
    said = given.refused(judge() + judge("knowledge_retention", name='"user_frustration"'))
    assert said.startswith("judges[0] and judges[1] have the same name")
    assert "no [[judges]]" in given.refused("judges = []")


def test_a_value_that_is_no_number_is_refused(given: Given) -> None:
    said = given.refused(judge(value_type='"float"', labels="[nan]", deadline_ms="0"))
    assert said.split("\n") == [
        "judges[0].labels[0] (streamer.toml:4) must be text, a finite number, true or false",
        "judges[0].deadline_ms (streamer.toml:5) must be more than 0",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [("labels", '["a"]'), ("instructions", '"Be harsh: {{ conversation }}"'), ("value_type", '"bool"')],
)
def test_what_a_built_in_judge_would_not_read_is_refused(given: Given, key: str, value: str) -> None:
    """Labels of one's own would have failed every answer after it was paid; instructions changed nothing."""
    assert f"has {key}, which only make_judge reads" in given.refused(judge(**{key: value}))


def test_guidelines_are_of_one_type(given: Given) -> None:
    assert "has guidelines, which only conversational_guidelines reads" in given.refused(
        judge(guidelines='["Be kind"]')
    )
    given.loads(judge("conversational_guidelines", guidelines='["Be kind"]'))


@pytest.mark.parametrize("name", ["model", "stream", "messages", "n", "timeout", "response_format", "num_retries"])
def test_a_parameter_that_streamer_says_itself_is_refused(given: Given, name: str) -> None:
    said = given.refused(judge(parameters=f"{{temperature = 0, {name} = 1}}"))
    assert f"has {name} among its parameters" in said
