"""A LangGraph agent with a tool, a checkpointer and a thread: traced by OpenInference, by LangSmith or by MLflow."""

import uuid

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, THANKS, TOOL_RESULT, USER_ID, mode, note
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


def set_up() -> object:
    """What is to be shut down in the end."""
    if mode("langsmith"):
        import langsmith

        return langsmith.Client()
    from common import tracer_provider
    from openinference.instrumentation.langchain import LangChainInstrumentor

    provider = tracer_provider()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return provider


tracing = set_up()
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

for text in (ASKED, THANKS):
    thread = {"thread_id": SESSION}
    metadata = {"user_id": USER_ID} | ({"session_id": SESSION} if mode("metadata") else {})
    if mode("metadata"):
        thread = {"thread_id": str(uuid.uuid4())}
    result = agent.invoke({"messages": [("user", text)]}, {"configurable": thread, "metadata": metadata})
    note(text, result["messages"][-1].content, (CALLED,) if mode("tools") and text == ASKED else ())
(tracing.flush if mode("langsmith") else tracing.shutdown)()
