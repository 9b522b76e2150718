"""MLflow's own span attributes, in the three encodings they have on the wire (wire.md 3.2): JSON in a string, typed
values, JSON-quoted strings. Source: mlflow 3.17, tracing/constant.py."""

from typing import Any

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.said import Kind, Said, compact, messages_in
from streamer.core.wire.decode import Span
from streamer.core.wire.values import unwrap

_KINDS: dict[str, Kind] = {
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


def read(span: Span) -> Said | None:
    attributes = span.attributes
    if "mlflow.spanType" not in attributes and "mlflow.spanInputs" not in attributes:
        return None
    kind = _KINDS.get(str(unwrap(attributes.get("mlflow.spanType"))), "OTHER")
    inputs, outputs = attributes.get("mlflow.spanInputs"), attributes.get("mlflow.spanOutputs")
    if kind == "TOOL":
        return Said(kind=kind, tool=_tool(span, inputs, outputs))
    model = unwrap(attributes.get("mlflow.llm.model"))
    return Said(
        kind=kind,
        input=messages_in(inputs, "user"),
        output=messages_in(outputs, "assistant"),
        model=model if isinstance(model, str) else None,
    )


def _tool(span: Span, inputs: Any, outputs: Any) -> ToolEvent:  # noqa: ANN401
    return ToolEvent(
        name=span.name, arguments=compact(unwrap(inputs)), result=compact(unwrap(outputs)), error=span.is_error
    )
