"""Tool calls in messages, for traces in which no span tells of them.

Shapes: OpenAI (`tool_calls`, Responses' `function_call` items), the GenAI conventions (`tool_call` parts), Anthropic
(`tool_use`), Vercel (`tool-call`), Gemini (`functionCall`), Bedrock (`toolUse`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from streamer.core.turn import Message, ToolEvent
from streamer.core.wire.conventions.messages import message_of, parsed, raw_messages
from streamer.core.wire.conventions.said import Words, compact, text_of
from streamer.core.wire.conventions.shapes import as_message
from streamer.core.wire.span import Span
from streamer.core.wire.values import unwrap

_CALLS = frozenset({"tool_call", "tool_use", "tool-call", "function_call", "toolUse", "functionCall"})
_RESULTS = frozenset(
    {"tool_call_response", "tool_result", "tool-result", "function_call_output"}
    | {"toolResult", "functionResponse", "function_response"}
)
_IDS = ("tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "call_id", "id")
_ARGUMENTS = ("arguments", "args", "input")
_OUTCOMES = ("raw_output", "response", "result", "output", "content", "value", "text")
_WRAPPED = ("text", "json", "tool", "error-text")
_LAYERS_MAX = 4


class _Mention(NamedTuple):
    """A call, or what came of it."""

    is_call: bool
    body: Mapping[str, Any]


def exchange(asked: Any, answered: Any, *, system: str = "") -> Words:  # noqa: ANN401
    """What was asked and answered, with the calls in it: each JSON text is parsed once."""
    heard, said = parsed(asked, "user"), parsed(answered, "assistant")
    calls = _calls((*heard.raw, *said.raw))
    return Words(after_system(system, heard.messages), said.messages, calls=calls, verbatim=(asked, answered))


def after_system(system: str, heard: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages behind a system prompt that stands by itself, if there is one."""
    return (Message(role="system", text=system), *heard) if system else heard


def calls_in(*values: Any) -> tuple[ToolEvent, ...]:  # noqa: ANN401
    """The calls since the user's last words in these inputs and outputs, each with its result where it is told."""
    return _calls([message for value in values for message in raw_messages(value) or ()])


def _calls(messages: Iterable[Mapping[str, Any]]) -> tuple[ToolEvent, ...]:
    open_calls: dict[str, ToolEvent] = {}
    for message in messages:
        said = message_of(message, "tool")
        if said.role == "user" and (said.text or said.omitted):
            open_calls.clear()
        for mention in _mentions(message):
            _note(mention, open_calls)
    return tuple(open_calls.values())


def _note(mention: _Mention, calls: dict[str, ToolEvent]) -> None:
    body = mention.body
    name = body.get("name", body.get("toolName", body.get("tool_name")))
    name = name if isinstance(name, str) else ""
    key = str(next((body[k] for k in _IDS if body.get(k)), "") or name)
    if mention.is_call:
        if key not in calls:
            arguments = next((body[k] for k in _ARGUMENTS if k in body), None)
            calls[key] = ToolEvent(name=name, arguments=compact(unwrap(arguments)), result="")
    elif known := calls.get(key):
        failed = body.get("isError", body.get("is_error")) is True or body.get("status") == "error"
        calls[key] = ToolEvent(name=known.name, arguments=known.arguments, result=_outcome(body), error=failed)


def tool_event(span: Span, name: Any, arguments: Any, result: Any, *, failed: bool = False) -> ToolEvent:  # noqa: ANN401
    """A call as its span tells of it, without what its library has put around arguments and result."""
    given, got = unwrap(arguments), unwrap(result)
    if isinstance(given, Mapping) and "input_str" in given and "inputs" in given:  # LangChain's callbacks
        given = given["inputs"]
    elif isinstance(given, Mapping) and isinstance(given.get("kwargs"), Mapping) and not given.get("args"):
        given = given["kwargs"]
    elif isinstance(given, Mapping) and set(given) == {"args", "kwargs"} and not given["kwargs"]:
        given = given["args"]
    return ToolEvent(
        name=name if isinstance(name, str) else span.name,
        arguments=compact(given),
        result=_bare(got["output"] if isinstance(got, Mapping) and got.keys() == {"output", "kwargs"} else got),
        error=failed or span.is_error,
    )


def _outcome(body: Mapping[str, Any]) -> str:
    return _bare(next((body[k] for k in _OUTCOMES if k in body), None))


def _bare(value: Any) -> str:  # noqa: ANN401
    """What a tool gave, out of `{"result": …}`, `{"type": "text", "value": …}`, text parts, a message."""
    value = unwrap(value)
    for _ in range(_LAYERS_MAX):
        if not isinstance(value, Mapping):
            break
        value = as_message(value)  # LangChain's, of the role tool
        inner = next((name for name in _OUTCOMES if name in value), None)
        if inner is None or not (len(value) == 1 or value.get("type") in _WRAPPED or inner == "raw_output"):
            break
        value = unwrap(value[inner])
    return (text_of(value) if isinstance(value, list) else "") or compact(value)


def _mentions(message: Mapping[str, Any]) -> Iterator[_Mention]:
    for call in _list(message.get("tool_calls")):
        inner = call.get("function")
        yield _Mention(True, {"id": call.get("id"), **inner} if isinstance(inner, Mapping) else call)
    if message.get("tool_call_id"):
        yield _Mention(False, message)
    yield from _in_parts([message] if message.get("type") in _CALLS | _RESULTS else [])
    for where in ("parts", "content", "contents"):
        yield from _in_parts(_list(message.get(where)))


def _in_parts(parts: Iterable[Mapping[str, Any]]) -> Iterator[_Mention]:
    for part in parts:
        if part.get("type") in _CALLS:
            yield _Mention(True, part)
        elif part.get("type") in _RESULTS:
            yield _Mention(False, part)
        else:
            for name, inner in part.items():
                if isinstance(inner, Mapping) and name in _CALLS | _RESULTS:
                    yield _Mention(name in _CALLS, inner)


def _list(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401
    value = unwrap(value)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
