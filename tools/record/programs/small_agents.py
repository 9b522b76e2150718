"""Agents of smolagents, Agno and Pydantic AI, traced by OpenInference (or smolagents by MLflow)."""

import os

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note, tracer_provider

URL = os.environ["OPENAI_BASE_URL"]


def lookup_order(order_id: str) -> str:
    """Where an order is

    Args:
        order_id: which
    """
    return TOOL_RESULT


def with_smolagents(provider):
    from smolagents import OpenAIServerModel, ToolCallingAgent, tool

    if provider:
        from openinference.instrumentation.smolagents import SmolagentsInstrumentor

        SmolagentsInstrumentor().instrument(tracer_provider=provider)
    model = OpenAIServerModel(MODEL, api_base=URL, api_key="none")
    agent = ToolCallingAgent(tools=[tool(lookup_order)], model=model, name="support", verbosity_level=0)
    return lambda text: str(agent.run(text, reset=False))


def with_agno(provider):
    from agno.agent import Agent
    from agno.models.openai import OpenAIChat
    from openinference.instrumentation.agno import AgnoInstrumentor

    AgnoInstrumentor().instrument(tracer_provider=provider)
    tools = [lookup_order] if mode("tools") else None
    agent = Agent(
        name="support", model=OpenAIChat(MODEL, base_url=URL, api_key="none"), instructions=SYSTEM, tools=tools,
        session_id=SESSION, user_id=USER_ID, telemetry=False,
    )  # fmt: skip
    if mode("stream"):
        return lambda text: "".join(e.content or "" for e in agent.run(text, stream=True) if e.event == "RunContent")
    return lambda text: agent.run(text).content


def with_pydantic(provider):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    if provider:
        from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

        first = provider._active_span_processor
        first._span_processors = (OpenInferenceSpanProcessor(), *first._span_processors)
        Agent.instrument_all()
    agent = Agent(
        OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key="none")),
        name="support",
        instructions=SYSTEM,
        tools=[lookup_order] if mode("tools") else [],
    )
    return lambda text: agent.run_sync(text, conversation_id=SESSION).output


if mode("by-mlflow"):
    import mlflow

    mlflow.set_experiment("support")
    (mlflow.smolagents if mode("smolagents") else mlflow.pydantic_ai).autolog()
    provider, end = None, mlflow.flush_trace_async_logging
else:
    provider = tracer_provider()
    end = provider.shutdown
say = (with_smolagents if mode("smolagents") else with_agno if mode("agno") else with_pydantic)(provider)
for text in asked():
    if provider and not mode("agno") and not mode("pydantic"):
        from openinference.instrumentation import using_attributes

        with using_attributes(session_id=SESSION, user_id=USER_ID):
            answer = say(text)
    else:
        answer = say(text)
    note(text, answer, (CALLED,) if mode("tools") and text == ASKED else ())
end()
