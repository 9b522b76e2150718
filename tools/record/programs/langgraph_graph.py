"""A LangGraph agent with a tool, a checkpointer and a thread: traced by one of several SDKs."""

import uuid
from typing import Any

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, USER_ID, asked, mode, note
from langchain_core.messages import SystemMessage
from langchain_openai import ChatOpenAI
from langchain_tracing import lookup_order, set_up
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


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
