"""An assistant of AutoGen's AgentChat, traced by itself or by OpenInference."""

import asyncio
import os

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note, tracer_provider

provider = tracer_provider()
tracer = provider.get_tracer("support")


async def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


async def main() -> None:
    client = OpenAIChatCompletionClient(model=MODEL, base_url=os.environ["OPENAI_BASE_URL"], api_key="none")
    tools = {"tools": [lookup_order], "reflect_on_tool_use": True} if mode("tools") else {}
    agent = AssistantAgent("support", client, system_message=SYSTEM, **tools)
    for text in asked():
        if mode("by-oi"):
            from openinference.instrumentation import using_attributes

            with using_attributes(session_id=SESSION, user_id=USER_ID):
                result = await agent.run(task=text)
        else:
            with tracer.start_as_current_span("turn", attributes={"session.id": SESSION, "user.id": USER_ID}):
                result = await agent.run(task=text)
        note(text, result.messages[-1].content, (CALLED,) if mode("tools") and text == ASKED else ())


if mode("by-oi"):
    from openinference.instrumentation.autogen_agentchat import AutogenAgentChatInstrumentor

    AutogenAgentChatInstrumentor().instrument(tracer_provider=provider)
asyncio.run(main())
provider.shutdown()
