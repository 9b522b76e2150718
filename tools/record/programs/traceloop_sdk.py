"""Traceloop's SDK (OpenLLMetry): workflow, agent, task and tool decorators around an instrumented OpenAI client."""

import contextlib
import os

import openai
from common import SESSION, TOOL_RESULT, USER_ID, asked, conversation, mode
from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow

Traceloop.init(app_name="support-bot", api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], telemetry_enabled=False)
key = "thread_id" if mode("thread") else "session_id"


@tool(name="lookup_order")
def look_up(order_id: str) -> str:
    return TOOL_RESULT


say = conversation(openai.OpenAI(), look_up)


@task(name="answer")
def answer(text: str) -> str | None:
    return say(text)


@agent(name="support")
def support(text: str) -> str | None:
    return answer(text)


@workflow(name="turn")
def turn(text: str) -> str | None:
    if mode("inside"):
        Traceloop.set_association_properties({key: SESSION, "user_id": USER_ID})
    return support(text) if mode("agent") else answer(text)


if not mode("inside"):
    Traceloop.set_association_properties({key: SESSION, "user_id": USER_ID})
for text in asked():
    with contextlib.suppress(openai.APIError):
        (say if mode("bare") else turn)(text)
trace.get_tracer_provider().shutdown()
