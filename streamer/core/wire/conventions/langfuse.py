"""Langfuse's SDKs from 3 on: `langfuse.observation.*`. Source: langfuse 5, _client/attributes.py."""

from functools import partial

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Kind, Said, Words, named
from streamer.core.wire.span import Attributes, Span

MARKERS = frozenset({"langfuse.observation.type", "langfuse.observation.input", "langfuse.trace.input"})
_KINDS: dict[str, Kind] = {
    "generation": "LLM",
    "agent": "AGENT",
    "tool": "TOOL",
    "chain": "CHAIN",
    "retriever": "RETRIEVER",
    "embedding": "EMBEDDING",
    "guardrail": "GUARDRAIL",
}


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("langfuse.observation.type")).lower(), "OTHER")
    if kind == "TOOL":
        return Said(kind, _tool(span))
    model = attributes.get("langfuse.observation.model.name")
    return Said(kind, model=named(model), words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    """The observation's own; a root that has none may carry the trace's."""
    asked = attributes.get("langfuse.observation.input", attributes.get("langfuse.trace.input"))
    answered = attributes.get("langfuse.observation.output", attributes.get("langfuse.trace.output"))
    return exchange(asked, answered)


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    asked, answered = attributes.get("langfuse.observation.input"), attributes.get("langfuse.observation.output")
    return tool_event(span, span.name, asked, answered, failed=attributes.get("langfuse.observation.level") == "ERROR")
