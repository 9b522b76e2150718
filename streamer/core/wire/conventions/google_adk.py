"""Google's Agent Development Kit before it wrote OTel GenAI messages: a model's request and response, and a tool's
arguments and response, as JSON. "{}" where capture is off. Source: google-adk 2.13, telemetry/tracing.py."""

from functools import partial
from typing import Any

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Said, Words, named, text_of
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

MARKERS = frozenset({"gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"})


def read(span: Span) -> Said:
    attributes = span.attributes
    if "gcp.vertex.agent.tool_call_args" in attributes:
        return Said("TOOL", _tool(span))
    model = attributes.get("gen_ai.request.model")
    return Said("LLM", model=named(model), words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    request, response = (_object(attributes, f"gcp.vertex.agent.llm_{side}") for side in ("request", "response"))
    config = request.get("config")
    system = text_of(config.get("system_instruction")) if isinstance(config, dict) else ""
    return exchange(request.get("contents"), response.get("content"), system=system)


def _object(attributes: Attributes, name: str) -> dict[str, Any]:
    value = unwrap(attributes.get(name))
    return value if isinstance(value, dict) else {}


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    asked, answered = (attributes.get(f"gcp.vertex.agent.tool_{side}") for side in ("call_args", "response"))
    return tool_event(span, attributes.get("gen_ai.tool.name"), asked, answered)
