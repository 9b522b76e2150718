"""Tool calls in messages, for traces in which no span tells of them.

Shapes: OpenAI (`tool_calls`, Responses' `function_call` items), the GenAI conventions (`tool_call` parts), Anthropic
(`tool_use`), Vercel (`tool-call`), Gemini (`functionCall`), Bedrock (`toolUse`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.messages import message_of, raw_messages
from streamer.core.wire.conventions.said import compact, text_of
from streamer.core.wire.values import unwrap

_CALLS = frozenset({"tool_call", "tool_use", "tool-call", "function_call", "toolUse", "functionCall"})
_RESULTS = frozenset(
    {"tool_call_response", "tool_result", "tool-result", "function_call_output"}
    | {"toolResult", "functionResponse", "function_response"}
)
_IDS = ("tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "call_id", "id")
_ARGUMENTS = ("arguments", "args", "input")
_OUTCOMES = ("response", "result", "output", "content")


class _Mention(NamedTuple):
    """A call, or what came of it."""

    is_call: bool
    body: Mapping[str, Any]


def calls_in(*values: Any) -> tuple[ToolEvent, ...]:  # noqa: ANN401
    """The calls since the user's last words in these inputs and outputs, each with its result where it is told."""
    open_calls: dict[str, ToolEvent] = {}
    for value in values:
        for message in raw_messages(value) or ():
            said = message_of(message, "tool")
            if said.role == "user" and said.text:
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


def _outcome(body: Mapping[str, Any]) -> str:
    value = next((body[k] for k in _OUTCOMES if k in body), None)
    if isinstance(value, Mapping) and "value" in value and set(value) <= {"type", "value"}:
        value = value["value"]
    return text_of(value) or compact(unwrap(value))


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
