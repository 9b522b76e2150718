"""The OpenAI Agents SDK as logfire instruments it: a span per agent run, model call and function, told apart by the
attributes that only each has. Source: logfire 5.2, _internal/integrations/openai_agents.py."""

from functools import partial
from typing import Any

from streamer.core.wire.conventions.calls import exchange, tool_event
from streamer.core.wire.conventions.said import Said, Words, named
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

_MODEL, _FUNCTION, _AGENT = frozenset({"raw_input", "request_data"}), "mcp_data", "handoffs"
MARKERS = _MODEL | {_FUNCTION, _AGENT, "agent_trace_id"}


def read(span: Span) -> Said:
    attributes = span.attributes
    name = attributes.get("name")
    name = name if isinstance(name, str) else span.name
    if _FUNCTION in attributes:
        return Said("TOOL", tool_event(span, name, attributes.get("input"), attributes.get("output")))
    if _AGENT in attributes:
        return Said("AGENT", agent=name)
    if _MODEL & attributes.names:
        model = attributes.get("gen_ai.response.model", attributes.get("gen_ai.request.model"))
        return Said("LLM", model=named(model), words=partial(_words, attributes))
    return Said("CHAIN")


def _words(attributes: Attributes) -> Words:
    """The Responses API's raw input and response, or chat completion's input and output."""
    asked: Any = attributes.get("raw_input", attributes.get("input"))
    response = unwrap(attributes.get("response"))
    answered = response.get("output") if isinstance(response, dict) else attributes.get("output")
    return exchange(asked, answered)
