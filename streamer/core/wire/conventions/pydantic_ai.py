"""Pydantic AI: an agent's span has the whole history (`pydantic_ai.all_messages`), where the run began in it, and its
result. Older versions wrote events as JSON. Source: pydantic-ai 2.68, models/instrumented.py, _instrumentation.py."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from streamer.core.turn import Message, ToolEvent
from streamer.core.wire.conventions.calls import after_system, calls_in, exchange, tool_event
from streamer.core.wire.conventions.messages import messages_in
from streamer.core.wire.conventions.said import Said, Words, compact, named, text_of
from streamer.core.wire.span import Attributes, Span
from streamer.core.wire.values import unwrap

MARKERS = frozenset(
    {"pydantic_ai.all_messages", "all_messages_events", "final_result", "tool_arguments", "model_request_parameters"}
)


def read(span: Span) -> Said:
    attributes = span.attributes
    if "tool_arguments" in attributes or attributes.get("gen_ai.operation.name") == "execute_tool":
        return Said("TOOL", _tool(span))
    if "model_request_parameters" in attributes:
        return Said("LLM", words=partial(_model_words, attributes))
    return Said("AGENT", agent=named(attributes.get("agent_name")), words=partial(_agent_words, attributes))


def _agent_words(attributes: Attributes) -> Words:
    everything = unwrap(attributes.get("pydantic_ai.all_messages", attributes.get("all_messages_events")))
    everything = everything if isinstance(everything, list) else []
    heard = messages_in(everything, "user")
    final = attributes.get("final_result")
    answer = (Message(role="assistant", text=text_of(final) or compact(final)),) if final else ()
    system = text_of(unwrap(attributes.get("gen_ai.system_instructions")))
    asked = _before_answer(heard)
    return Words(after_system(system, asked), answer or heard[len(asked) :], calls=calls_in(everything))


def _before_answer(heard: Sequence[Message]) -> tuple[Message, ...]:
    """Up to the last user message: what follows is this turn's answer."""
    last = max((n for n, message in enumerate(heard) if message.role == "user"), default=-1)
    return tuple(heard[: last + 1])


def _model_words(attributes: Attributes) -> Words:
    """Until version 1 of the instrumentation, events in one attribute."""
    events: Any = unwrap(attributes.get("events"))
    if not isinstance(events, list):
        return Words()
    asked = [e for e in events if isinstance(e, dict) and e.get("event.name") != "gen_ai.choice"]
    chosen = [e.get("message") for e in events if isinstance(e, dict) and e.get("event.name") == "gen_ai.choice"]
    return exchange(asked, chosen)


def _tool(span: Span) -> ToolEvent:
    attributes = span.attributes
    name = attributes.get("gen_ai.tool.name")
    arguments = attributes.get("tool_arguments", attributes.get("gen_ai.tool.call.arguments"))
    result = attributes.get("tool_response", attributes.get("gen_ai.tool.call.result"))
    return tool_event(span, name, arguments, result)
