"""OpenInference's OpenAI instrumentor, within using_attributes and a span of kind AGENT."""

import contextlib
import json

import openai
from common import SESSION, TOOL_RESULT, USER_ID, asked, conversation, mode, tracer_provider
from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = tracer_provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = OITracer(provider.get_tracer("support"), config=TraceConfig())


@tracer.tool(name="lookup_order")
def look_up(order_id: str) -> str:
    return TOOL_RESULT


say = conversation(openai.OpenAI(), look_up)

for text in asked():
    with contextlib.suppress(openai.APIError), using_attributes(session_id=SESSION, user_id=USER_ID):
        if mode("bare"):
            say(text)
            continue
        with tracer.start_as_current_span("turn", openinference_span_kind="agent") as span:
            span.set_input(json.dumps({"question": text}) if mode("json") else text)
            span.set_output(say(text) or "")
provider.shutdown()
