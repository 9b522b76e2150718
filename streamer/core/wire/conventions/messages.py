"""Messages in what an application gave to a model or got from it, in whatever library's shape."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streamer.core.turn import Message, Role
from streamer.core.wire.conventions.said import compact, omitted_in, role_of, text_of
from streamer.core.wire.conventions.shapes import as_message, is_message
from streamer.core.wire.values import encodable, unwrap

_ASKED = (
    "question",
    "query",
    "input",
    "prompt",
    "user_input",
    "user_message",
    "user_prompt",
    "message",
    "text",
    "content",
    "q",
    "task",
)
_ANSWERED = ("answer", "output", "response", "result", "completion", "text", "content", "message", "reply")
_LISTS = ("messages", "input_messages", "contents", "chat_history")
_WRAPPERS = ("inputs", "outputs", "request", "input", "output", "response", "message", "content", "kwargs")
"""What may stand around the object that counts: LangChain's callbacks, Gemini's content, an agent's state."""
_CONTENTS = ("parts", "content", "contents", "blocks", "text", "refusal")
_DEPTH_MAX = 4


class Parsed(NamedTuple):
    """`raw`: the messages as their library wrote them; empty for a bare text."""

    messages: tuple[Message, ...]
    raw: Sequence[Mapping[str, Any]]


def messages_in(value: Any, default: Role) -> tuple[Message, ...]:  # noqa: ANN401
    """Messages in what an application gave as input or output: chat requests and answers, a list of messages, an
    object with one telling member, a bare text. Without any of these the whole as JSON, said by `default`."""
    return parsed(value, default).messages


def parsed(value: Any, default: Role) -> Parsed:  # noqa: ANN401
    """`messages_in`, with what they were made of."""
    inner = unwrap(value, 1)
    if isinstance(inner, str):
        inner = _said_in(inner)
    if inner is None or inner == "" or inner == [] or inner == {}:
        return Parsed((), ())
    chat = None if isinstance(inner, str) else raw_messages(inner)
    if chat is not None:
        return Parsed(tuple(m for item in chat if (m := message_of(item, default)).text or m.omitted), chat)
    text = _telling(inner, _ASKED if default == "user" else _ANSWERED)
    if text is None:
        text = encodable(value) if isinstance(value, str) and "\\u" not in value else compact(inner)
    return Parsed((Message(role=default, text=text),) if text.strip() else (), ())


def _said_in(text: str) -> Any:  # noqa: ANN401
    """A text is what was said, even one that is JSON. Only a chat is never that."""
    inner = unwrap(text, 1)
    return text if inner is text or is_message(inner) or raw_messages(inner) is None else inner


def message_of(item: Mapping[str, Any], default: Role) -> Message:
    """OpenAI's `content`, the GenAI conventions' `parts`, OpenInference's `contents`, LangChain's `type`."""
    text = next((text for name in _CONTENTS if (text := text_of(item.get(name)))), "")
    omitted = next((found for name in _CONTENTS if (found := omitted_in(item.get(name)))), ())
    return Message(role=role_of(item.get("role", item.get("type")), default), text=text, omitted=omitted)


def raw_messages(value: Any, depth: int = 0) -> Sequence[Mapping[str, Any]] | None:  # noqa: ANN401
    """The messages as their library wrote them, each an object that says who speaks; None if there are none."""
    value = unwrap(value)
    if depth > _DEPTH_MAX:
        return None
    if isinstance(value, Mapping):
        return _in_object(value, depth)
    if isinstance(value, list):
        items = [as_message(item) for item in value]
        if any(map(is_message, items)):
            return [item for item in items if isinstance(item, Mapping)]
        if len(value) == 1 and isinstance(value[0], list):
            return raw_messages(value[0], depth + 1)
    return None


def _in_object(value: Mapping[str, Any], depth: int) -> Sequence[Mapping[str, Any]] | None:
    for name in _LISTS:
        inner = unwrap(value.get(name))
        if isinstance(inner, list) and inner and (found := raw_messages(inner, depth + 1)) is not None:
            return found
    item = as_message(value)
    if is_message(item):
        return [item]
    for name in ("choices", "generations", "candidates"):
        if isinstance(several := value.get(name), list) and several:
            return _alternative(several[0])
    for name in _WRAPPERS:
        inner = value.get(name)
        inner = _said_in(inner) if isinstance(inner, str) else inner
        if isinstance(inner, Mapping | list) and (found := raw_messages(inner, depth + 1)) is not None:
            return found
    return None


def _alternative(first: Any) -> Sequence[Mapping[str, Any]] | None:  # noqa: ANN401
    """The first of several answers: OpenAI's choice, LangChain's generation, Gemini's candidate."""
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, Mapping):
        return None
    content = first.get("content")
    said = as_message(first.get("message", content if isinstance(content, Mapping) else first))
    return [said] if isinstance(said, Mapping) else None


def _telling(value: Any, names: Sequence[str]) -> str | None:  # noqa: ANN401
    """The one member of an object that is the text; None where there is none."""
    if isinstance(value, str):
        return encodable(value)
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("args"), list) and "kwargs" in value:
        return _argument(value["args"], value["kwargs"], names)
    if all(inner is None for inner in value.values()):
        return ""
    for name in names:
        if isinstance(value.get(name), str):
            return encodable(value[name])
    if len(value) == 1:
        only = next(iter(value.values()))
        if isinstance(only, str) or (isinstance(only, Mapping) and len(only) == 1):
            return _telling(only, names)
    return None


def _argument(args: list[Any], kwargs: Any, names: Sequence[str]) -> str | None:  # noqa: ANN401
    """The only argument that a function was called with."""
    both = [*args, *kwargs.values()] if isinstance(kwargs, Mapping) else args
    if len(both) != 1:
        return None
    told = _telling(both[0], names)
    return compact(both[0]) if told is None else told
