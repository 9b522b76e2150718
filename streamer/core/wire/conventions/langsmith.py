"""LangSmith's OpenTelemetry exporter: inputs and outputs as JSON objects in `gen_ai.prompt` and `gen_ai.completion`.
Source: langsmith 0.15, _internal/otel/_otel_exporter.py."""

from functools import partial

from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Kind, Said, Words, named
from streamer.core.wire.span import Attributes, Span

MARKERS = frozenset({"langsmith.span.kind"})
_KINDS: dict[str, Kind] = {
    "llm": "LLM",
    "chain": "CHAIN",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "embedding": "EMBEDDING",
}


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("langsmith.span.kind")).lower(), "OTHER")
    if kind == "TOOL":
        return Said(
            kind, tool_event(span, span.name, attributes.get("gen_ai.prompt"), attributes.get("gen_ai.completion"))
        )
    model = attributes.get("gen_ai.response.model", attributes.get("gen_ai.request.model"))
    return Said(kind, model=named(model), words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    asked, answered = attributes.get("gen_ai.prompt"), attributes.get("gen_ai.completion")
    return exchange(asked, answered)
