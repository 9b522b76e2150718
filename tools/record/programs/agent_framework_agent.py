"""Microsoft's Agent Framework with a tool. A session of its own goes along from turn to turn."""

import asyncio
import os

from agent_framework import Agent
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient
from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, asked, mode, note, tracer_provider

provider = tracer_provider()
enable_instrumentation(enable_sensitive_data=not mode("nocontent"))


def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


async def main() -> None:
    client = OpenAIChatCompletionClient(model=MODEL, base_url=os.environ["OPENAI_BASE_URL"], api_key="none")
    tools = [lookup_order] if mode("tools") else []
    agent = Agent(client=client, name="support", instructions=SYSTEM, tools=tools)
    session = agent.create_session(session_id=SESSION)
    for text in asked():
        result = await agent.run(text, session=session)
        note(text, result.text, (CALLED,) if mode("tools") and text == ASKED else ())


asyncio.run(main())
provider.shutdown()
