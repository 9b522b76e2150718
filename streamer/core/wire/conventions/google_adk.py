"""Google's Agent Development Kit before it wrote OTel GenAI messages: a model's request and response, and a tool's
arguments and response, as JSON. "{}" where capture is off. Source: google-adk 2.13, telemetry/tracing.py."""

from functools import partial
from typing import Any

from streamer.core.turn import Message, ToolEvent
from streamer.core.wire.conventions.calls import calls_in, tool_event
from streamer.core.wire.conventions.messages import messages_in
from streamer.core.wire.conventions.said import Said, Words, text_of
from streamer.core.wire.decode import Attributes, Span
from streamer.core.wire.values import unwrap

MARKERS = frozenset({"gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"})


def read(span: Span) -> Said:
    attributes = span.attributes
    if "gcp.vertex.agent.tool_call_args" in attributes:
        return Said("TOOL", _tool(span))
    model = attributes.get("gen_ai.request.model")
    return Said("LLM", model=model if isinstance(model, str) else None, words=partial(_words, attributes))


def _words(attributes: Attributes) -> Words:
    request, response = (_object(attributes, f"gcp.vertex.agent.llm_{side}") for side in ("request", "response"))
    asked = messages_in(request.get("contents"), "user")
    config = request.get("config")
    system = text_of(config.get("system_instruction")) if isinstance(config, dict) else ""
    return Words(
        (Message(role="system", text=system), *asked) if system else asked,
        messages_in(response.get("content"), "assistant"),
        calls=calls_in(request.get("contents"), response.get("content")),
    )


def _object(attributes: Attributes, name: str) -> dict[str, Any]:
    value = unwrap(attributes.get(name))
    return value if isinstance(value, dict) else {}


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    name = attributes.get("gen_ai.tool.name")
    asked, answered = (
        attributes.get("gcp.vertex.agent.tool_call_args"),
        attributes.get("gcp.vertex.agent.tool_response"),
    )
    return tool_event(span, name, asked, answered)
