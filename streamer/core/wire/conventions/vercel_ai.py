"""Vercel's AI SDK (`ai` 4 to 6): `ai.prompt`, `ai.prompt.messages`, `ai.response.*`, tool calls as spans of their own.
Source: github.com/vercel/ai, packages/ai/src/telemetry."""

from functools import partial
from typing import Any

from streamer.core.turn import Message, ToolEvent
from streamer.core.wire.conventions.calls import after_system, calls_in, tool_event
from streamer.core.wire.conventions.messages import messages_in
from streamer.core.wire.conventions.said import Kind, Said, Words, named, text_of
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

MARKERS = frozenset({"ai.operationId"})


def read(span: Span) -> Said:
    attributes = span.attributes
    operation = str(attributes.get("ai.operationId"))
    if operation == "ai.toolCall":
        return Said("TOOL", _tool(span))
    kind: Kind = "EMBEDDING" if "embed" in operation else "LLM" if "." in operation.removeprefix("ai.") else "AGENT"
    model = attributes.get("ai.response.model", attributes.get("ai.model.id"))
    agent = attributes.get("ai.telemetry.functionId")
    return Said(
        kind,
        model=named(model),
        agent=named(agent),
        words=partial(_words, attributes),
    )


def _words(attributes: Attributes) -> Words:
    prompt = unwrap(attributes.get("ai.prompt"))
    asked: Any = attributes.get("ai.prompt.messages")
    system = ""
    if isinstance(prompt, dict):
        system = text_of(prompt.get("system"))
        asked = asked or prompt.get("messages")
        if not asked and (bare := prompt.get("prompt")):
            asked = [{"role": "user", "content": bare}] if isinstance(bare, str) else bare
    answer = attributes.get("ai.response.text") or attributes.get("ai.response.object")
    return Words(
        after_system(system, messages_in(asked, "user")),
        (Message(role="assistant", text=text_of(answer)),) if answer else (),
        calls=calls_in(asked, [{"role": "assistant", "content": unwrap(attributes.get("ai.response.toolCalls"))}]),
    )


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    asked, answered = attributes.get("ai.toolCall.args"), attributes.get("ai.toolCall.result")
    return tool_event(span, attributes.get("ai.toolCall.name"), asked, answered)
