"""Laminar's SDK: `lmnr.span.input` / `.output` as JSON on spans of its own; its LLM spans speak OTel GenAI.
Source: lmnr 0.8, opentelemetry_lib/tracing/attributes.py."""

from functools import partial

from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Kind, Said, Words
from streamer.core.wire.span import Attributes, Span

MARKERS = frozenset({"lmnr.span.type", "lmnr.span.input", "lmnr.span.output"})
_KINDS: dict[str, Kind] = {"LLM": "LLM", "TOOL": "TOOL", "DEFAULT": "CHAIN"}


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get("lmnr.span.type")), "OTHER")
    if kind == "TOOL":
        return Said(kind, tool_event(span, span.name, *_both(attributes)))
    return Said(kind, words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    return exchange(*_both(attributes))


def _both(attributes: Attributes) -> tuple[object, object]:
    return attributes.get("lmnr.span.input"), attributes.get("lmnr.span.output")
