"""What a span says, whatever its dialect, and the shapes in which text comes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from streamer.core.turn import IoSource, Message, Role, ToolEvent
from streamer.core.wire.values import encodable, unwrap

Kind = Literal["LLM", "AGENT", "TOOL", "RETRIEVER", "CHAIN", "EMBEDDING", "GUARDRAIL", "OTHER"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", ""})
_SILENT_PARTS = frozenset(
    {"reasoning", "thinking", "tool_call", "tool_use", "tool_call_response", "tool_result", "function_call", "refusal"}
)
_ASKED = ("question", "query", "input", "prompt", "user_input", "user_message", "message", "text", "content", "q")
_ANSWERED = ("answer", "output", "response", "result", "completion", "text", "content", "message", "reply")
_LISTS = ("messages", "input_messages", "chat_history")


class Words(NamedTuple):
    """Messages in order; reasoning is left out. `source` says where they stood: the span itself or its events."""

    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    source: IoSource = "root"


NO_WORDS = Words()


def _silent() -> Words:
    return NO_WORDS


class Said(NamedTuple):
    """One span's part in the conversation, as one dialect tells it. `words` is asked of few spans of a trace."""

    kind: Kind = "OTHER"
    tool: ToolEvent | None = None
    model: str | None = None
    agent: str | None = None
    words: Callable[[], Words] = _silent


def role_of(name: Any, default: Role) -> Role:  # noqa: ANN401
    return _ROLES.get(name.lower(), default) if isinstance(name, str) else default


def text_of(content: Any) -> str:  # noqa: ANN401
    """The text of a message's content: a string, parts, or an object around either."""
    if isinstance(content, str):
        return encodable(content)
    if isinstance(content, Mapping):
        return _part_text(content)
    if isinstance(content, Sequence) and not isinstance(content, bytes):
        return "\n".join(text for item in content if (text := text_of(item)))
    return ""


def _part_text(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    kind = kind if isinstance(kind, str) else ""
    if kind in _SILENT_PARTS:
        return ""
    inner = part.get("text", part.get("content"))
    if kind in _TEXT_PARTS or isinstance(inner, str):
        return text_of(inner)
    return f"[{encodable(kind)}]"


def compact(value: Any) -> str:  # noqa: ANN401
    """A string as it is, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return encodable(value)
    try:
        return encodable(json.dumps(value, ensure_ascii=False, default=repr))
    except (ValueError, RecursionError):
        return ""


def is_message(item: Any) -> bool:  # noqa: ANN401
    """An object that says who speaks."""
    if not isinstance(item, Mapping):
        return False
    speaker = item.get("role", item.get("type"))
    return isinstance(speaker, str) and speaker.lower() in _ROLES


def message_of(item: Mapping[str, Any], default: Role) -> Message:
    """OpenAI's `content`, the GenAI conventions' `parts`, LangChain's `type`."""
    content = item["parts"] if "parts" in item else item.get("content", item.get("text"))
    return Message(role=role_of(item.get("role", item.get("type")), default), text=text_of(content))


def messages_in(value: Any, default: Role) -> tuple[Message, ...]:  # noqa: ANN401
    """Messages in what an application gave as input or output: chat requests and answers, a list of messages, an
    object with one telling member, a bare text. Without any of these the whole as JSON, said by `default`."""
    value = unwrap(value)
    if value is None or value == "" or value == [] or value == {}:
        return ()
    chat = _chat(value, default)
    if chat is not None:
        return tuple(m for m in chat if m.text)
    text = _telling(value, _ASKED if default == "user" else _ANSWERED)
    return (Message(role=default, text=text),) if text.strip() else ()


def _chat(value: Any, default: Role) -> list[Message] | None:  # noqa: ANN401
    if isinstance(value, Mapping):
        return _chat_object(value, default)
    if isinstance(value, list):
        if any(is_message(item) for item in value):
            return [message_of(item, default) for item in value if isinstance(item, Mapping)]
        if len(value) == 1 and isinstance(value[0], list):
            return _chat(value[0], default)
    return None


def _chat_object(value: Mapping[str, Any], default: Role) -> list[Message] | None:
    for name in _LISTS:
        inner = unwrap(value.get(name))
        if isinstance(inner, list) and inner:
            return _chat(inner, default)
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        said = choices[0].get("message", choices[0])
        return [message_of(said, default)] if isinstance(said, Mapping) else None
    if is_message(value):
        return [message_of(value, default)]
    return None


def _telling(value: Any, names: Sequence[str]) -> str:  # noqa: ANN401
    """The one member of an object that is the text; the whole where there is none."""
    if isinstance(value, Mapping):
        if isinstance(value.get("args"), list) and "kwargs" in value:
            both = (
                [*value["args"], *value["kwargs"].values()] if isinstance(value["kwargs"], Mapping) else value["args"]
            )
            return _telling(both[0], names) if len(both) == 1 else compact(value)
        for name in names:
            if isinstance(value.get(name), str):
                return encodable(value[name])
        if len(value) == 1 and isinstance(only := next(iter(value.values())), str):
            return encodable(only)
    return compact(value)
