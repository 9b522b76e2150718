"""OpenInference (Arize): `openinference.span.kind`, `input.value`, `llm.input_messages.N.message.*`.
Source: github.com/Arize-ai/openinference, spec/semantic_conventions.md."""

from functools import partial

from streamer.core.turn import Message, Role, ToolEvent
from streamer.core.wire.conventions.calls import calls_in, tool_event
from streamer.core.wire.conventions.messages import messages_in
from streamer.core.wire.conventions.numbered import listed
from streamer.core.wire.conventions.said import Kind, Said, Words, named
from streamer.core.wire.span import Attributes, Span

_KINDS: dict[str, Kind] = {
    "LLM": "LLM",
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "RETRIEVER": "RETRIEVER",
    "RERANKER": "RETRIEVER",
    "CHAIN": "CHAIN",
    "EMBEDDING": "EMBEDDING",
    "GUARDRAIL": "GUARDRAIL",
}
MARKERS = frozenset({"openinference.span.kind", "input.value", "output.value"})


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("openinference.span.kind")).upper(), "OTHER")
    if kind == "TOOL":
        return Said(kind, _tool(span))
    model, agent = attributes.get("llm.model_name"), attributes.get("agent.name")
    return Said(
        kind,
        model=named(model),
        agent=named(agent),
        words=partial(_words, attributes, kind),
    )


def _words(attributes: Attributes, kind: Kind) -> Words:
    asked, answered = listed(attributes, "llm.input_messages"), listed(attributes, "llm.output_messages")
    given, got = attributes.get("input.value"), attributes.get("output.value")
    return Words(
        messages_in(asked, "user") or _value(attributes, "input", "user", kind),
        messages_in(answered, "assistant") or _value(attributes, "output", "assistant", kind),
        calls=calls_in(asked, answered) if asked else calls_in(given, got),
        verbatim=(given, got),
    )


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    return tool_event(span, attributes.get("tool.name"), attributes.get("input.value"), attributes.get("output.value"))


def _value(attributes: Attributes, side: str, role: Role, kind: Kind) -> tuple[Message, ...]:
    value = attributes.get(f"{side}.value")
    is_text = attributes.get(f"{side}.mime_type") == "text/plain" and isinstance(value, str)
    if is_text and not value.startswith("{"):  # what was given as an object is called text as well
        return (Message(role=role, text=value),) if value.strip() else ()
    found = messages_in(value, role)
    if kind == "LLM" and found and found[0].text == value and value.startswith("{"):
        return ()  # what a method was called with (LlamaIndex): no message of a model's
    return found
