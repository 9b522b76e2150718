"""Shapes that libraries write and no recorded fixture shows."""

import json
from typing import Any

import pytest

from streamer.adapters.mlflow_translation import translated
from streamer.core.assemble import assemble
from streamer.core.interpret import interpret
from streamer.core.turn import ToolEvent, Turn
from tests.builders import any_value, facts_of, otlp_record, span, turn_of

TRACE, ROOT, CHILD, OTHER = "0" * 31 + "1", "0" * 15 + "1", "0" * 15 + "2", "0" * 15 + "3"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LOOKUP = ToolEvent(name="lookup", arguments='{"id": 7}', result="shipped")


def said(**attributes: Any) -> Turn:
    """The turn of a lone root span."""
    return turn_of([otlp_record(span(TRACE, ROOT, **attributes))], TRACE)


def test_parts_that_are_no_text_are_named_and_reasoning_is_left_out() -> None:
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}]
    parts = [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "A shoe."}]
    blob = [{"role": "user", "parts": [{"type": "blob", "modality": "audio", "content": "AAAA"}]}]

    turn = said(
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps(asked),
        gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": parts}]),
    )
    assert (turn.user, turn.omitted, turn.assistant) == ("What is this?", ("image",), "A shoe.")
    assert assemble("s", {TRACE: turn}).turns[0].user == "What is this?\n[image]"
    heard = said(gen_ai__operation__name="chat", gen_ai__input__messages=json.dumps(blob))
    assert (heard.user, heard.omitted) == (None, ("audio",))


CALLS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "lookup", "arguments": '{"id": 7}'}}]},
        {"role": "tool", "tool_call_id": "c", "content": "shipped"},
    ],
    "responses": [
        {"role": "user", "content": "Where is it?"},
        {"type": "function_call", "call_id": "c", "name": "lookup", "arguments": '{"id": 7}'},
        {"type": "function_call_output", "call_id": "c", "output": "shipped"},
    ],
    "genai": [
        {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "lookup", "arguments": {"id": 7}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "shipped"}]},
    ],
    "anthropic": [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "lookup", "input": {"id": 7}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "shipped"}]},
    ],
    "vercel": [
        {"role": "user", "content": [{"type": "text", "text": "Where is it?"}]},
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "lookup",
                                           "input": {"id": 7}}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c", "toolName": "lookup",
                                      "output": {"type": "text", "value": "shipped"}}]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "Where is it?"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "lookup", "args": {"id": 7}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "lookup", "response": "shipped"}}]},
    ],
    "bedrock": [
        {"role": "user", "content": [{"text": "Where is it?"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "lookup", "input": {"id": 7}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "shipped"}]}}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("shape", CALLS)
def test_tools_called_are_read_from_messages(shape: str) -> None:
    turn = said(
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps(CALLS[shape]),
        gen_ai__output__messages='[{"role": "assistant", "content": "On its way."}]',
    )

    assert (turn.user, turn.assistant) == ("Where is it?", "On its way.")
    assert turn.tools == (LOOKUP,)
    assert not turn.history


def test_tools_of_earlier_turns_are_not_this_turns() -> None:
    again = [*CALLS["openai"], {"role": "assistant", "content": "On its way."}, {"role": "user", "content": "Thanks"}]
    turn = said(gen_ai__operation__name="chat", gen_ai__input__messages=json.dumps(again))

    assert turn.user == "Thanks"
    assert not turn.tools


def test_what_a_model_says_inside_a_tool_is_not_the_conversation() -> None:
    def model(at: str, parent: str, asked: str, answered: str, end_ns: int) -> Any:
        return span(
            TRACE, at, parent, "chat", end_ns=end_ns, gen_ai__operation__name="chat",
            gen_ai__input__messages=json.dumps([{"role": "user", "content": asked}]),
            gen_ai__output__messages=json.dumps([{"role": "assistant", "content": answered}]),
        )  # fmt: skip

    root = span(TRACE, ROOT, gen_ai__operation__name="invoke_agent")
    tool = span(TRACE, CHILD, ROOT, "research", gen_ai__operation__name="execute_tool", gen_ai__tool__name="research")
    inner = model("0" * 15 + "4", CHILD, "Search the web for shoes", "found 3 pages", 9_000_000_000)
    outer = model(OTHER, ROOT, "Any shoes?", "Yes, three.", 5_000_000_000)

    turn = turn_of([otlp_record(root, tool, inner, outer)], TRACE)
    assert (turn.user, turn.assistant) == ("Any shoes?", "Yes, three.")


def test_numbered_attributes_of_openinference_and_old_openllmetry() -> None:
    head = "llm__input_messages__0__message__"
    openinference = said(
        openinference__span__kind="LLM",
        **{f"{head}role": "user", f"{head}contents__0__message_content__type": "text",
           f"{head}contents__0__message_content__text": "Where is it?",
           f"{head}contents__1__message_content__type": "image",
           "llm__output_messages__0__message__role": "assistant",
           "llm__output_messages__0__message__content": "On its way."},
    )  # fmt: skip
    older = said(
        gen_ai__system="openai",
        gen_ai__request__model="m",
        gen_ai__prompt__0__role="system",
        gen_ai__prompt__0__content="Be kind.",
        gen_ai__prompt__1__role="user",
        gen_ai__prompt__1__content="Where is it?",
        gen_ai__completion__0__role="assistant",
        gen_ai__completion__0__content="On its way.",
        gen_ai__completion__0__tool_calls__0__name="lookup",
        gen_ai__completion__0__tool_calls__0__arguments='{"id": 7}',
    )

    assert (openinference.user, openinference.omitted) == ("Where is it?", ("image",))
    assert (older.system, older.user, older.assistant) == ("Be kind.", "Where is it?", "On its way.")
    assert [tool.name for tool in older.tools] == ["lookup"]


def test_langchain_constructors_pairs_and_generations() -> None:
    human = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
             "kwargs": {"content": "Where is it?", "type": "human"}}  # fmt: skip
    answer = {"generations": [[{"text": "On its way.", "message": {**human, "id": ["AIMessage"],
              "kwargs": {"content": "On its way.", "type": "ai"}}}]]}  # fmt: skip
    langsmith = said(
        langsmith__span__kind="llm",
        gen_ai__prompt=json.dumps({"messages": [[human]]}),
        gen_ai__completion=json.dumps(answer),
    )
    traceloop = said(
        traceloop__span__kind="workflow",
        traceloop__entity__input=json.dumps({"inputs": {"messages": [["user", "Where is it?"]]}, "tags": []}),
        traceloop__entity__output=json.dumps({"outputs": {"messages": [human, {"type": "ai", "content": "Yes."}]}}),
    )

    assert (langsmith.user, langsmith.assistant) == ("Where is it?", "On its way.")
    assert (traceloop.user, traceloop.assistant) == ("Where is it?", "Yes.")


def test_texts_that_are_json_stay_as_they_were_said() -> None:
    """JSON is opened once where a dialect writes it, and a content only if it is a list of parts."""
    turn = said(mlflow__spanType='"AGENT"', mlflow__spanInputs='{"q": "[1, 2]"}', mlflow__spanOutputs='"{\\"a\\":1}"')
    old = said(
        gen_ai__system="openai",
        gen_ai__request__model="m",
        gen_ai__prompt__0__role="user",
        gen_ai__prompt__0__content='{"question": "Where?"}',
        gen_ai__completion__0__role="assistant",
        gen_ai__completion__0__content='["a", "b"]',
    )
    given = said(openinference__span__kind="CHAIN", input__value='{"a":1,  "b":2}', output__value='"Yes"')

    assert (turn.user, turn.assistant) == ("[1, 2]", '{"a":1}')
    assert (old.user, old.assistant) == ('{"question": "Where?"}', '["a", "b"]')
    assert given.user == '{"a":1,  "b":2}'


def test_messages_of_pydantic_and_bytes_of_langsmith() -> None:
    asked = {"kind": "request", "parts": [{"part_kind": "system-prompt", "content": "Be kind."},
                                          {"part_kind": "user-prompt", "content": "Where is it?"}]}  # fmt: skip
    called = {"kind": "response", "parts": [{"part_kind": "tool-call", "tool_name": "lookup", "args": '{"id": 7}',
                                             "tool_call_id": "c"}]}  # fmt: skip
    got = {"kind": "request", "parts": [{"part_kind": "tool-return", "tool_name": "lookup", "content": "shipped",
                                         "tool_call_id": "c"}]}  # fmt: skip
    answered = {"kind": "response", "parts": [{"part_kind": "text", "content": "On its way."}]}
    turn = said(
        mlflow__spanType='"LLM"',
        mlflow__spanInputs=json.dumps({"messages": [asked, called, got]}),
        mlflow__spanOutputs=json.dumps(answered),
    )
    langsmith = said(langsmith__span__kind="chain", gen_ai__prompt='{"text": "Größe?"}'.encode())

    assert (turn.user, turn.assistant) == ("Where is it?", "On its way.")
    assert turn.tools == (LOOKUP,)
    assert langsmith.user == "Größe?"


def test_adk_before_its_messages() -> None:
    root = span(TRACE, ROOT, name="invocation")
    request = {"contents": [{"role": "user", "parts": [{"text": "Where is it?"}]}],
               "config": {"system_instruction": "Be kind."}}  # fmt: skip
    model = span(
        TRACE, CHILD, ROOT, "call_llm",
        gcp__vertex__agent__llm_request=json.dumps(request),
        gcp__vertex__agent__llm_response=json.dumps(
            {"content": {"role": "model", "parts": [{"text": "secretly", "thought": True}, {"text": "On its way."}]}}
        ),
    )  # fmt: skip

    turn = turn_of([otlp_record(root, model)], TRACE)
    assert (turn.system, turn.user, turn.assistant) == ("Be kind.", "Where is it?", "On its way.")


def test_a_dialect_without_a_file_is_read_by_mlflow_and_marked() -> None:
    lone = span(TRACE, ROOT, name="turn", lk__room_name="r", lk__user_input="Where is it?", lk__response__text="Soon.")
    facts = facts_of(otlp_record(lone), trace_id=TRACE)

    turn = interpret(TRACE, facts, None, translate=translated).turn
    assert turn is not None
    assert (turn.user, turn.assistant) == ("Where is it?", "Soon.")
    assert turn.flags == {"translated"}
    ours = interpret(TRACE, facts, None).turn
    assert ours is not None
    assert ours.user is None


def test_words_beside_what_a_filter_took_out_are_read() -> None:
    turn = said(input__value="[REDACTED] is my name. Where is my order?", output__value="[REDACTED] <REDACTED>")

    assert (turn.user, turn.assistant, turn.unscorable) == (
        "[REDACTED] is my name. Where is my order?",
        None,
        "redacted",
    )


def test_text_completions_do_not_say_who_speaks() -> None:
    turn = said(
        gen_ai__system="aws",
        gen_ai__request__model="m",
        **{"gen_ai.prompt.0.user": "q", "gen_ai.completion.0.content": "a"},
    )

    assert (turn.user, turn.assistant) == ("q", "a")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("message", '{"content": "a"}'),
        ("gen_ai.event.content", '{"message": {"content": "a"}, "finish_reason": "stop"}'),
    ],
)
def test_an_answer_in_an_event_may_be_json_without_a_role(name: str, answer: str) -> None:
    chat = span(TRACE, ROOT, gen_ai__operation__name="chat")
    chat.events.add(name="gen_ai.choice").attributes.add(key=name, value=any_value(answer))

    assert turn_of([otlp_record(chat)], TRACE).assistant == "a"
