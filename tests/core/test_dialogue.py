"""Messages as turns."""

import pytest

from streamer.core.assemble import assemble, render
from streamer.core.dialogue import turns_of_messages


def said(messages: list[dict[str, object]]) -> list[tuple[str, str]]:
    transcript = assemble("s", turns_of_messages("s", messages))
    return [(message.role, message.text) for message in render(transcript, tools=True)]


def test_a_users_message_after_an_answer_begins_a_turn() -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Anybody?"}, {"type": "image_url", "image_url": {}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c-1", "function": {"name": "look_up", "arguments": '{"q": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c-1", "content": "nothing"},
        {"role": "assistant", "content": "Let me see."},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Good."},
    ]
    assert said(messages) == [
        ("user", "Hello\nAnybody?"),
        ("tool", 'look_up({"q": 1}) returned nothing'),
        ("assistant", "Yes."),
        ("user", "Good."),
    ]
    assert [turn.system for turn in turns_of_messages("s", messages).values()] == ["Be kind.", None]


def test_the_same_messages_are_the_same_transcript_and_no_messages_none() -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "Hello"}]
    assert turns_of_messages("s", messages) == turns_of_messages("s", messages)
    assert turns_of_messages("s", []) == {}
    assert turns_of_messages("s", [{"role": "system", "content": "Be kind."}]) == {}


def test_a_strange_role_is_named() -> None:
    with pytest.raises(ValueError, match="message 0 has the role 'bot'"):
        turns_of_messages("s", [{"role": "bot", "content": "Hello"}])
