"""OpenInference (Arize): `openinference.span.kind`, `input.value`, `llm.input_messages.N.message.*`.
Source: github.com/Arize-ai/openinference, spec/semantic_conventions.md."""

from functools import partial

from streamer.core.turn import Message, Role, ToolEvent
from streamer.core.wire.conventions.said import Kind, Said, Words, compact, messages_in, role_of, text_of
from streamer.core.wire.decode import Attributes, Span
from streamer.core.wire.values import unwrap

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
_MESSAGES_MAX = 10_000


MARKERS = frozenset({"openinference.span.kind", "input.value", "output.value"})


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("openinference.span.kind")).upper(), "OTHER")
    if kind == "TOOL":
        return Said(kind, _tool(span))
    model, agent = attributes.get("llm.model_name"), attributes.get("agent.name")
    return Said(
        kind,
        model=model if isinstance(model, str) else None,
        agent=agent if isinstance(agent, str) else None,
        words=partial(_words, attributes),
    )


def _words(attributes: Attributes) -> Words:
    return Words(
        _listed(attributes, "llm.input_messages", "user") or _value(attributes, "input", "user"),
        _listed(attributes, "llm.output_messages", "assistant") or _value(attributes, "output", "assistant"),
    )


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    name = attributes.get("tool.name")
    return ToolEvent(
        name=name if isinstance(name, str) else span.name,
        arguments=compact(unwrap(attributes.get("input.value"))),
        result=compact(unwrap(attributes.get("output.value"))),
        error=span.is_error,
    )


def _value(attributes: Attributes, side: str, role: Role) -> tuple[Message, ...]:
    value = attributes.get(f"{side}.value")
    if attributes.get(f"{side}.mime_type") == "text/plain" and isinstance(value, str):
        return (Message(role=role, text=value),) if value.strip() else ()
    return messages_in(value, role)


def _listed(attributes: Attributes, prefix: str, role: Role) -> tuple[Message, ...]:
    """Messages spread over numbered attributes."""
    found = []
    for n in range(_MESSAGES_MAX):
        head = f"{prefix}.{n}.message"
        if f"{head}.role" not in attributes and f"{head}.content" not in attributes:
            break
        text = text_of(attributes.get(f"{head}.content")) or _parts(attributes, head)
        if text:
            found.append(Message(role=role_of(attributes.get(f"{head}.role"), role), text=text))
    return tuple(found)


def _parts(attributes: Attributes, head: str) -> str:
    texts = []
    for n in range(_MESSAGES_MAX):
        part = f"{head}.contents.{n}.message_content"
        if f"{part}.type" not in attributes and f"{part}.text" not in attributes:
            break
        kind = attributes.get(f"{part}.type")
        texts.append(text_of(attributes.get(f"{part}.text")) or (f"[{kind}]" if kind != "text" else ""))
    return "\n".join(text for text in texts if text)
