"""Google ADK: an agent on an OpenAI-compatible model by LiteLLM. The session is ADK's own."""

import asyncio

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note, tracer_provider
from opentelemetry import _logs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

provider = tracer_provider()
logger_provider = LoggerProvider()
logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
_logs.set_logger_provider(logger_provider)

from google.adk.agents import LlmAgent  # noqa: E402 - after the providers, as applications set them up
from google.adk.models.lite_llm import LiteLlm  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai.types import Content, Part  # noqa: E402


def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


async def main() -> None:
    tools = [lookup_order] if mode("tools") else []
    agent = LlmAgent(name="support", model=LiteLlm(f"openai/{MODEL}"), instruction=SYSTEM, tools=tools)
    runner = InMemoryRunner(agent=agent, app_name="support_bot")
    await runner.session_service.create_session(app_name="support_bot", user_id=USER_ID, session_id=SESSION)
    for text in asked():
        message = Content(role="user", parts=[Part(text=text)])
        answer = None
        async for event in runner.run_async(user_id=USER_ID, session_id=SESSION, new_message=message):
            if event.is_final_response() and event.content:
                answer = "".join(part.text or "" for part in event.content.parts)
        note(text, answer, (CALLED,) if mode("tools") and text == ASKED else ())


asyncio.run(main())
provider.shutdown()
logger_provider.shutdown()
