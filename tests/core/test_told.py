"""The root's text against the model's."""

import json
from typing import Any

import pytest

from streamer.core.called import calls_of, completed
from streamer.core.told import by_machine, told
from streamer.core.turn import ToolEvent
from streamer.core.wire.decode import decode
from tests.builders import facts_of, otlp_record, span, turn_of

TRACE, ROOT, CHILD = "0" * 31 + "1", "0" * 15 + "1", "0" * 15 + "2"
OBJECT = '{"answer": "Tomorrow", "items": [1, 2]}'


@pytest.mark.parametrize(
    ("root", "verbatim", "model", "text", "by_root"),
    [
        ("Tomorrow", OBJECT, OBJECT, OBJECT, True),  # an answer that is JSON
        ("Quoted", '"Quoted"', '"Quoted"', '"Quoted"', True),
        ("Tomorrow", OBJECT, "Tomorrow it is.", "Tomorrow", True),  # an object around an answer
        ('{"utterance": "Where?", "language": "en"}',) * 2 + ("In en: Where?", "Where?", True),
        ('{"a": 1}', '{"a": 1}', '{"a":1}', '{"a": 1}', True),
        ("StopEvent(result=An...", "StopEvent(result=An...", "Tomorrow.", "Tomorrow.", False),
        ('["doc1", "doc2"]', '["doc1", "doc2"]', "Tomorrow.", "Tomorrow.", False),
        ("print(x=1)", "print(x=1)", "Run print(x=1) please", "print(x=1)", True),
        ("Hello", "Hello", None, "Hello", True),
        ("Memory(size=3)", "Memory(size=3)", None, None, False),
        (None, None, "Hello", "Hello", False),
    ],
)
def test_the_text_that_was_said(root: str, verbatim: str, model: str, text: str | None, by_root: bool) -> None:
    assert told(root, verbatim, model) == (text, by_root)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "Event()", "ChatMessage(role='user')", "<x.Y object at 0x7f>"])
def test_what_a_library_wrote(text: str) -> None:
    assert by_machine(text)


@pytest.mark.parametrize(
    "text", ["{braces}", "[link](url)", "Foo(x=1) raises an error", "f(x=1)", "Hello (there)", "<b>bold</b>"]
)
def test_what_people_write(text: str) -> None:
    assert not by_machine(text)


def turn_with(kind: str, **attributes: Any) -> Any:
    """A root without words, and one span below it."""
    below = span(TRACE, CHILD, ROOT, "below", openinference__span__kind=kind, **attributes)
    return turn_of([otlp_record(span(TRACE, ROOT), below)], TRACE)


def test_an_agent_below_the_root_tells_where_no_model_does() -> None:
    turn = turn_with("AGENT", input__value="Where?", output__value="There.")
    assert (turn.user, turn.assistant, turn.io_source) == ("Where?", "There.", "llm")
    assert turn_with("TOOL", input__value="Where?", output__value="There.").user is None


def test_a_models_span_that_is_called_with_objects_asks_nothing() -> None:
    assert turn_with("LLM", input__value=json.dumps({"messages": ["ChatMessage(role='user')"], "k": 1})).user is None


def test_one_call_that_two_libraries_tell_is_one() -> None:
    outer = span(TRACE, ROOT, start_ns=1, gen_ai__system="x")
    inner = span(TRACE, CHILD, ROOT, start_ns=2)
    tools = {
        ROOT: ToolEvent(name="look", arguments="7", result=""),
        CHILD: ToolEvent(name="look", arguments="", result="x"),
    }
    spans = decode(facts_of(otlp_record(outer, inner), trace_id=TRACE).frames)

    assert calls_of(spans, tools.get) == (ToolEvent(name="look", arguments="7", result="x"),)


def test_the_model_names_the_argument_that_a_tools_span_has_bare() -> None:
    bare, named = (ToolEvent(name="look", arguments=given, result="") for given in ("7", '{"id": 7}'))
    assert completed((bare,), (named,)) == (named,)
