"""OpenTelemetry's GenAI conventions, every generation that coexists on a topic (wire.md 2.2): message attributes
(since 1.37, structured or JSON), span events, and `gen_ai.prompt` / `gen_ai.completion` (until 1.27)."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from streamer.core.turn import IoSource, Message, Role, ToolEvent
from streamer.core.wire.conventions.calls import calls_in, exchange, tool_event
from streamer.core.wire.conventions.messages import messages_in, raw_messages
from streamer.core.wire.conventions.numbered import spoken
from streamer.core.wire.conventions.said import Kind, Said, Words, content_of, is_role, named, text_of
from streamer.core.wire.conventions.shapes import is_message
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

_KINDS: dict[str, Kind] = {
    "chat": "LLM",
    "generate_content": "LLM",
    "text_completion": "LLM",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "invoke_workflow": "CHAIN",
    "execute_tool": "TOOL",
    "embeddings": "EMBEDDING",
    "retrieval": "RETRIEVER",
}
_EVENT_ROLES: dict[str, Role] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_VARIABLES = frozenset(f"gen_ai.prompt.variable.{name}" for name in ("question", "query", "user_input"))
_EVENT_CONTENT = "gen_ai.event.content"
"""Azure's SDKs: the whole body of an event as JSON, since an event of a span has none."""
_DETAILS = "gen_ai.client.inference.operation.details"

MARKERS = frozenset({"gen_ai.operation.name", "gen_ai.system", "gen_ai.request.model"})


def read(span: Span) -> Said:
    attributes = span.attributes
    operation = attributes.get("gen_ai.operation.name")
    kind = _KINDS.get(str(operation), "LLM" if operation is None and "gen_ai.request.model" in attributes else "OTHER")
    if kind == "TOOL":
        return Said(kind, _tool(span))
    model = attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")
    agent = attributes.get("gen_ai.agent.name")
    return Said(
        kind,
        model=named(model),
        agent=named(agent),
        words=partial(_words, span),
    )


def _words(span: Span) -> Words:
    words = _sides(span.attributes)
    if not words.input and not words.output and span.has_events:
        return _from_events(span)
    return words


def _sides(attributes: Attributes) -> Words:
    asked = (
        attributes.get("gen_ai.input.messages")
        or attributes.get("gen_ai.prompt")
        or spoken(attributes, "gen_ai.prompt", "user")
    )
    answered = (
        attributes.get("gen_ai.output.messages")
        or attributes.get("gen_ai.completion")
        or spoken(attributes, "gen_ai.completion", "assistant")
    )
    words = exchange(asked, answered, system=text_of(unwrap(attributes.get("gen_ai.system_instructions"))))
    return words if _VARIABLES.isdisjoint(attributes.names) else _out_of_template(words, attributes)


def _out_of_template(words: Words, attributes: Attributes) -> Words:
    """What the user said, where a template was put around it and its variables are told."""
    said = next(attributes[name] for name in _VARIABLES if name in attributes)
    last = words.input[-1] if words.input else None
    if last is None or last.role != "user" or not isinstance(said, str) or said not in last.text:
        return words
    return words._replace(input=(*words.input[:-1], replace(last, text=said)))


def _from_events(span: Span) -> Words:
    """One event a message, or one event with all of them. Bodies of log records and attributes read alike."""
    asked: list[Message] = []
    answered: list[Message] = []
    raw: list[Any] = []
    for name, attributes in span.events():
        if name in _EVENT_ROLES:
            item = _item(attributes, _EVENT_ROLES[name])
            raw.append({**item, "tool_call_id": item["id"]} if item["role"] == "tool" and "id" in item else item)
            asked += messages_in([item], "user")
        elif name == "gen_ai.choice":
            item = _item(attributes, "assistant")
            raw.append(item)
            answered += messages_in([item], "assistant")
        elif name == _DETAILS:
            words = _sides(attributes)
            asked += words.input
            answered += words.output
            raw += [*_both(attributes)]
        elif name == "gen_ai.content.prompt":
            asked += messages_in(attributes.get("gen_ai.prompt"), "user")
        elif name == "gen_ai.content.completion":
            answered += messages_in(attributes.get("gen_ai.completion"), "assistant")
    if not asked and not answered:
        return Words(calls=calls_in(raw))  # an exception, say
    source: IoSource = "logs" if span.has_logged_events else "events"
    return Words(tuple(asked), tuple(answered), source, calls_in(raw))


def _both(attributes: Attributes) -> Iterator[Any]:
    for side in ("input", "output"):
        yield from raw_messages(attributes.get(f"gen_ai.{side}.messages")) or ()


def _item(attributes: Attributes, role: Role) -> dict[str, Any]:
    """An event as a message; `message` is the whole answer (Strands) or an object around it (semconv 1.28 to 1.36)."""
    around = unwrap(attributes.get(_EVENT_CONTENT), 1)
    told = around if isinstance(around, dict) else attributes
    item = {name: content_of(value) if name == "content" else value for name, value in told.items()}
    message = item.pop("message", None)
    around = unwrap(message, 1)
    if isinstance(message, dict) or is_message(around) or _is_bare(around):
        item |= around
    elif message is not None:
        # Strands ends each of an answer's texts with a newline of its own.
        item["content"] = content_of(message.removesuffix("\n") if isinstance(message, str) else message)
    return {"role": role, **{key: value for key, value in item.items() if key != "role" or is_role(value)}}


def _is_bare(around: Any) -> bool:  # noqa: ANN401
    """A message of the assistant's, which need not say so (semconv 1.28 to 1.36)."""
    return isinstance(around, dict) and "content" in around and around.keys() <= {"content", "tool_calls"}


def _tool(span: Span) -> ToolEvent:
    name = span.attributes.get("gen_ai.tool.name")
    arguments = span.attributes.get("gen_ai.tool.call.arguments")
    result = span.attributes.get("gen_ai.tool.call.result")
    if arguments is None and result is None and span.has_events:
        arguments, result = _of_events(span)
    failed = span.attributes.get("gen_ai.tool.status") == "error"
    return tool_event(span, name, arguments, result, failed=failed)


def _of_events(span: Span) -> tuple[Any, Any]:
    """Strands: what a tool was asked and what it answered are messages among its span's events."""
    given: dict[str, Any] = {}
    for name, attributes in span.events():
        if name in ("gen_ai.tool.message", "gen_ai.choice"):
            given.setdefault(name, attributes.get("content", attributes.get("message")))
    result = unwrap(given.get("gen_ai.choice"))
    return given.get("gen_ai.tool.message"), text_of(result) or result
