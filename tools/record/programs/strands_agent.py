"""Strands Agents on an OpenAI-compatible model, the session in trace_attributes."""

import contextlib
import os

from common import ASKED, CALLED, FAILING, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note
from opentelemetry import trace
from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.telemetry import StrandsTelemetry

StrandsTelemetry().setup_otlp_exporter()


@tool
def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


agent = Agent(
    name="support",
    model=OpenAIModel(client_args={"base_url": os.environ["OPENAI_BASE_URL"], "api_key": "none"}, model_id=MODEL),
    system_prompt=SYSTEM,
    tools=[lookup_order] if mode("tools") else [],
    trace_attributes={"session.id": SESSION, "user.id": USER_ID},
    callback_handler=None,
)
for text in asked():
    if text == FAILING:
        note(text, None)
        with contextlib.suppress(Exception):  # its own retries, then the client's error in a wrapper
            agent(text)
        continue
    answer = "".join(part.get("text", "") for part in agent(text).message["content"])
    note(text, answer, (CALLED,) if mode("tools") and text == ASKED else ())
trace.get_tracer_provider().shutdown()
