"""The OpenAI Agents SDK with a tool and a group_id, traced by OpenInference, logfire or MLflow."""

import asyncio
import contextlib
import os
from types import SimpleNamespace

from agents import Agent, Runner, SQLiteSession, function_tool, set_tracing_disabled, trace
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from common import ASKED, CALLED, FAILING, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note
from openai import APIError, AsyncOpenAI


@function_tool
def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


def set_up() -> object:
    """What is to be shut down in the end. The SDK's own export to its maker is replaced."""
    if mode("logfire"):
        import logfire

        logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
        logfire.instrument_openai_agents()
        return logfire
    if mode("mlflow"):
        import mlflow

        mlflow.set_experiment("support")
        mlflow.openai.autolog()
        return SimpleNamespace(shutdown=mlflow.flush_trace_async_logging)
    from common import tracer_provider

    if mode("genai"):
        from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor
    else:
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    provider = tracer_provider()
    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    if mode("client"):  # the agents' instrumentation leaves the model's calls to the client's
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    return provider


set_tracing_disabled(False)
tracing = set_up()
kind = OpenAIChatCompletionsModel if mode("chat") else OpenAIResponsesModel
model = kind(MODEL, AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"]))
agent = Agent("support", instructions=SYSTEM, model=model, tools=[lookup_order] if mode("tools") else [])
if mode("handoff"):
    agent = Agent("desk", instructions=SYSTEM, model=model, handoffs=[agent])


async def main() -> None:
    memory = SQLiteSession(SESSION)
    for text in asked():
        if text == FAILING:
            note(text, None)
            with contextlib.suppress(APIError), trace("turn", group_id=SESSION, metadata={"user_id": USER_ID}):
                await Runner.run(agent, text, session=memory)
            continue
        with trace("turn", group_id=SESSION, metadata={"user_id": USER_ID}):
            result = await Runner.run(agent, text, session=memory)
        note(text, result.final_output, (CALLED,) if mode("tools") and text == ASKED else ())


asyncio.run(main())
tracing.shutdown()
