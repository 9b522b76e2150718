"""MLflow's own span attributes, in the three encodings they have on the wire (wire.md 3.2): JSON in a string, typed
values, JSON-quoted strings. Source: mlflow 3.17, tracing/constant.py."""

from functools import partial
from typing import Any

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Kind, Said, Words
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

KINDS: dict[str, Kind] = {
    "LLM": "LLM",
    "CHAT_MODEL": "LLM",
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "RETRIEVER": "RETRIEVER",
    "RERANKER": "RETRIEVER",
    "CHAIN": "CHAIN",
    "WORKFLOW": "CHAIN",
    "EMBEDDING": "EMBEDDING",
    "GUARDRAIL": "GUARDRAIL",
}


MARKERS = frozenset({"mlflow.spanType", "mlflow.spanInputs"})


def read(span: Span) -> Said:
    attributes = span.attributes
    kind = KINDS.get(_plain(attributes.get("mlflow.spanType")), "OTHER")
    if kind == "TOOL":
        return Said(kind, _tool(span, attributes.get("mlflow.spanInputs"), attributes.get("mlflow.spanOutputs")))
    return Said(kind, model=_plain(attributes.get("mlflow.llm.model")) or None, words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    asked, answered = attributes.get("mlflow.spanInputs"), attributes.get("mlflow.spanOutputs")
    return exchange(asked, answered)


def _plain(value: Any) -> str:  # noqa: ANN401
    """Text, with or without JSON's quotes."""
    plain = unwrap(value)
    return plain if isinstance(plain, str) else ""


def _tool(span: Span, inputs: Any, outputs: Any) -> ToolEvent:  # noqa: ANN401
    return tool_event(span, span.name, inputs, outputs)
