"""OpenTelemetry's OpenAI instrumentation, with an invoke_agent span around, or `bare`: the chat span is the root."""

import contextlib

import openai
from common import SESSION, USER_ID, asked, conversation, lookup_order, mode, tracer_provider
from opentelemetry import _logs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

if mode("genai"):  # its successor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
else:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

provider = tracer_provider()
logger_provider = LoggerProvider()
logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
_logs.set_logger_provider(logger_provider)
OpenAIInstrumentor().instrument()
tracer = provider.get_tracer("support")


def look_up(order_id: str) -> str:
    """A tool span as the conventions describe it: the application makes it, the instrumentation does not."""
    facts = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup_order"}
    with tracer.start_as_current_span("execute_tool lookup_order", attributes=facts) as span:
        result = lookup_order(order_id)
        if mode("tool-content"):
            span.set_attribute("gen_ai.tool.call.arguments", '{"order_id": "' + order_id + '"}')
            span.set_attribute("gen_ai.tool.call.result", result)
        return result


say = conversation(openai.OpenAI(), look_up)
key = "session.id" if mode("session") else "gen_ai.conversation.id"
agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support", key: SESSION, "user.id": USER_ID}

for text in asked():
    with contextlib.suppress(openai.APIError):
        if mode("bare"):
            say(text)
        else:
            with tracer.start_as_current_span("invoke_agent support", attributes=agent):
                say(text)
provider.shutdown()
logger_provider.shutdown()
