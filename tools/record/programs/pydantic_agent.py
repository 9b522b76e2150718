"""Pydantic AI with logfire: a tool, the session as the conversation's id or as baggage."""

import contextlib
import os

import logfire
from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

scrubbing = False if mode("open") else None
logfire.configure(send_to_logfire=False, console=False, scrubbing=scrubbing, inspect_arguments=False)
version = {"version": int(os.environ["VERSION"])} if "VERSION" in os.environ else {}
logfire.instrument_pydantic_ai(include_content=not mode("nocontent"), **version)
model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key="none"))
agent = Agent(model, name="support", instructions=SYSTEM)


asked_inside: list[str] = []


async def lookup_order(order_id: str) -> str:
    """Where an order is"""
    if mode("delegate"):
        inner = await Agent(model, name="viewer").run("Describe the picture of the order")
        asked_inside.append(inner.conversation_id)
    return TOOL_RESULT


if mode("tools"):
    agent.tool_plain(lookup_order)
history = None
for text in asked():
    chosen = {"conversation_id": SESSION} if mode("conversation") else {}
    baggage = {"session.id": SESSION, "user.id": USER_ID} if mode("baggage") else {"user.id": USER_ID}
    around = logfire.span("turn {question}", question=text) if mode("span") else contextlib.nullcontext()
    with logfire.set_baggage(**baggage), around:
        result = agent.run_sync(text, message_history=history, **chosen)
    if mode("history"):
        history = result.all_messages()
    given = getattr(result, "conversation_id", None)  # since version 2
    own = {} if mode("conversation") or mode("open") else {"session": given}
    both = {"conflicts": [given]} if given and mode("open") and not mode("conversation") else {}
    if mode("delegate"):
        both = {"conflicts": sorted(asked_inside)}
        asked_inside.clear()
    note(text, result.output, (CALLED,) if mode("tools") and text == ASKED else (), **own, **both)
logfire.shutdown()
