"""OpenTelemetry's GenAI conventions, every generation that coexists on a topic (wire.md 2.2): message attributes
(since 1.37, structured or JSON), span events, and `gen_ai.prompt` / `gen_ai.completion` (until 1.27)."""

from functools import partial
from typing import Any

from streamer.core.turn import Message, Role, ToolEvent
from streamer.core.wire.conventions.said import Kind, Said, Words, compact, messages_in, role_of, text_of
from streamer.core.wire.decode import Attributes, Span
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
_DETAILS = "gen_ai.client.inference.operation.details"

_Sides = tuple[tuple[Message, ...], tuple[Message, ...]]

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
        model=model if isinstance(model, str) else None,
        agent=agent if isinstance(agent, str) else None,
        words=partial(_words, span),
    )


def _words(span: Span) -> Words:
    asked, answered = _sides(span.attributes)
    if not asked and not answered and span.has_events:
        return Words(*_from_events(span), "logs" if span.has_logged_events else "events")
    return Words(asked, answered)


def _sides(attributes: Attributes) -> _Sides:
    asked = messages_in(attributes.get("gen_ai.input.messages"), "user") or messages_in(
        attributes.get("gen_ai.prompt"), "user"
    )
    answered = messages_in(attributes.get("gen_ai.output.messages"), "assistant") or messages_in(
        attributes.get("gen_ai.completion"), "assistant"
    )
    asked = asked or _numbered(attributes, "gen_ai.prompt", "user")
    answered = answered or _numbered(attributes, "gen_ai.completion", "assistant")
    instructions = text_of(unwrap(attributes.get("gen_ai.system_instructions")))
    if instructions:
        asked = (Message(role="system", text=instructions), *asked)
    return asked, answered


def _numbered(attributes: Attributes, prefix: str, role: Role) -> tuple[Message, ...]:
    found, n = [], 0
    while f"{prefix}.{n}.content" in attributes or f"{prefix}.{n}.role" in attributes:
        text = text_of(unwrap(attributes.get(f"{prefix}.{n}.content")))
        if text:
            found.append(Message(role=role_of(attributes.get(f"{prefix}.{n}.role"), role), text=text))
        n += 1
    return tuple(found)


def _from_events(span: Span) -> _Sides:
    asked: list[Message] = []
    answered: list[Message] = []
    for name, attributes in span.events():
        if name in _EVENT_ROLES:
            text = text_of(unwrap(attributes.get("content")))
            if text:
                asked.append(Message(role=_EVENT_ROLES[name], text=text))
        elif name == "gen_ai.choice":
            answered += _choice(unwrap(attributes.get("message", attributes.get("content"))))
        elif name == _DETAILS:
            more_asked, more_answered = _sides(attributes)
            asked += more_asked
            answered += more_answered
        elif name == "gen_ai.content.prompt":
            asked += messages_in(attributes.get("gen_ai.prompt"), "user")
        elif name == "gen_ai.content.completion":
            answered += messages_in(attributes.get("gen_ai.completion"), "assistant")
    return tuple(asked), tuple(answered)


def _choice(message: Any) -> list[Message]:  # noqa: ANN401
    text = text_of(message)
    return [Message(role="assistant", text=text)] if text else []


def _tool(span: Span) -> ToolEvent:
    name = span.attributes.get("gen_ai.tool.name")
    return ToolEvent(
        name=name if isinstance(name, str) else span.name,
        arguments=compact(unwrap(span.attributes.get("gen_ai.tool.call.arguments"))),
        result=compact(unwrap(span.attributes.get("gen_ai.tool.call.result"))),
        error=span.is_error,
    )
