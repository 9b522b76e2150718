"""Traceloop's OpenLLMetry: `traceloop.entity.input` / `.output` on workflows, tasks, agents and tools. Its LLM spans
speak OTel GenAI. Source: traceloop-sdk 0.62, decorators/base.py; opentelemetry-instrumentation-langchain."""

from collections.abc import Mapping
from functools import partial

from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Kind, Said, Words
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

MARKERS = frozenset({"traceloop.span.kind", "traceloop.entity.input", "traceloop.entity.output"})
_STREAMED = '{"inputs": {"input": ""}'
"""LangChain does not know a stream's input in the beginning, and writes it beside the output."""
_KINDS: dict[str, Kind] = {"workflow": "CHAIN", "agent": "AGENT", "tool": "TOOL"}


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("traceloop.span.kind")), "OTHER")
    name = attributes.get("traceloop.entity.name")
    name = name if isinstance(name, str) else span.name
    if kind == "TOOL":
        asked, answered = attributes.get("traceloop.entity.input"), attributes.get("traceloop.entity.output")
        return Said(kind, tool_event(span, name, asked, answered))
    return Said(kind, agent=name if kind == "AGENT" else None, words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    asked, answered = attributes.get("traceloop.entity.input"), attributes.get("traceloop.entity.output")
    if isinstance(asked, str) and asked.startswith(_STREAMED):
        kwargs = answer.get("kwargs") if isinstance(answer := unwrap(answered), Mapping) else None
        asked = kwargs.get("inputs", asked) if isinstance(kwargs, Mapping) else asked
    return exchange(asked, answered)
