"""A LangGraph agent with a tool, a checkpointer and a thread: traced by one of several SDKs."""

import os
import uuid
from typing import Any

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note
from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


@tool
def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


def set_up() -> Any:
    """Sets the tracing up. Returns what ends it."""
    if mode("langsmith"):
        import langsmith

        return langsmith.Client().flush
    if mode("mlflow"):
        import mlflow

        mlflow.set_experiment("support")
        mlflow.langchain.autolog()
        return mlflow.flush_trace_async_logging
    if mode("langfuse"):
        import langfuse

        endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
        return langfuse.Langfuse(public_key="pk-1", secret_key="sk-1", host=endpoint).shutdown
    if mode("traceloop"):
        from opentelemetry import trace
        from traceloop.sdk import Traceloop

        endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
        Traceloop.init(app_name="support-bot", api_endpoint=endpoint, telemetry_enabled=False)
        return trace.get_tracer_provider().shutdown
    from common import tracer_provider

    if mode("genai"):
        from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
    else:
        from openinference.instrumentation.langchain import LangChainInstrumentor

    provider = tracer_provider()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return provider.shutdown


def config() -> dict[str, Any]:
    """The thread is the session, or metadata name it."""
    if mode("langfuse"):
        from langfuse.langchain import CallbackHandler

        metadata = {"langfuse_session_id": SESSION, "langfuse_user_id": USER_ID}
        return {"configurable": {"thread_id": SESSION}, "metadata": metadata, "callbacks": [CallbackHandler()]}
    if mode("metadata"):
        metadata = {"user_id": USER_ID, "session_id": SESSION}
        return {"configurable": {"thread_id": str(uuid.uuid4())}, "metadata": metadata}
    return {"configurable": {"thread_id": SESSION}, "metadata": {"user_id": USER_ID}}


end = set_up()
llm = ChatOpenAI(model=MODEL)
graph = StateGraph(MessagesState)
graph.add_node(
    "model",
    lambda state: {
        "messages": [
            (llm.bind_tools([lookup_order]) if mode("tools") else llm).invoke(
                [SystemMessage(SYSTEM), *state["messages"]]
            )
        ]
    },
)
graph.add_node("tools", ToolNode([lookup_order]))
graph.add_edge(START, "model")
graph.add_conditional_edges("model", tools_condition)
graph.add_edge("tools", "model")
agent = graph.compile(checkpointer=InMemorySaver(), name="support")

for text in asked():
    result = agent.invoke({"messages": [("user", text)]}, config())
    note(text, result["messages"][-1].content, (CALLED,) if mode("tools") and text == ASKED else ())
end()
