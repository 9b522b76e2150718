"""Semantic Kernel: a chat completion agent with a plugin, its diagnostics with content."""

import asyncio
import os

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note, tracer_provider
from openai import AsyncOpenAI
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from semantic_kernel.agents import ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function

provider = tracer_provider()
tracer = provider.get_tracer("support")
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)
if mode("logs"):
    import logging

    handler = LoggingHandler(logger_provider=logs)
    handler.addFilter(logging.Filter("semantic_kernel"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)


class Orders:
    @kernel_function(name="lookup_order", description="Where an order is")
    def lookup_order(self, order_id: str) -> str:
        return TOOL_RESULT


async def main() -> None:
    client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none")
    agent = ChatCompletionAgent(
        service=OpenAIChatCompletion(ai_model_id=MODEL, async_client=client),
        name="support",
        instructions=SYSTEM,
        plugins=[Orders()] if mode("tools") else [],
    )
    thread = ChatHistoryAgentThread(thread_id=SESSION)
    for text in asked():
        with tracer.start_as_current_span("turn", attributes={"session.id": SESSION, "user.id": USER_ID}):
            response = await agent.get_response(messages=text, thread=thread)
        tools = ({**CALLED, "name": "Orders-lookup_order"},) if mode("tools") and text == ASKED else ()
        note(text, str(response.message), tools)


asyncio.run(main())
provider.shutdown()
logs.shutdown()
