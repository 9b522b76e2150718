"""Recordings of frameworks for agents."""

from typing import Any

from case import LATEST, Case

_LANGSMITH = {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}


def _langsmith(name: str, says: str, mode: str, program: str = "langsmith_sdk.py") -> Case:
    return Case(
        name=f"langsmith-{name}",
        environment="langsmith",
        program=program,
        sdk="langsmith 0.15.1",
        says=says,
        mode=mode,
        variables=_LANGSMITH | {"LANGSMITH_API_KEY": "none", "LANGSMITH_PROJECT": "shop"},
    )


LANGSMITH = [
    _langsmith("session", "@traceable and wrapped OpenAI, session_id, tools", "tools"),
    _langsmith("thread", "@traceable and wrapped OpenAI, thread_id, history", "thread history"),
    _langsmith("responses", "wrapped OpenAI, Responses API, session_id, tools", "responses tools"),
    _langsmith("fail", "conversation_id, the second call is refused", "conversation fail"),
    _langsmith("langgraph-tools", "LangGraph, thread_id, tools", "langsmith tools", "langgraph_graph.py"),
]


def _pydantic(name: str, says: str, mode: str, version: str = "", **expected: Any) -> Case:
    old = name.startswith("1")
    return Case(
        name=f"pydanticai-{name}",
        environment="pydanticai-old" if old else "pydanticai",
        program="pydantic_agent.py",
        sdk="pydantic-ai 1.107.10, logfire 4.41.0" if old else "pydantic-ai 2.68.0, logfire 5.4.0",
        says=says,
        mode=mode,
        variables={"VERSION": version} if version else {},
        expected=expected,
    )


PYDANTIC = [
    _pydantic("own", "no id given: a new conversation id for each turn", ""),
    _pydantic("history", "no id given, the history passed on: one conversation id", "history tools"),
    _pydantic("conversation", "conversation_id, tools, history", "conversation tools history"),
    _pydantic("scrubbed", "session.id as baggage, scrubbed by logfire", "baggage"),
    _pydantic("open-baggage", "session.id as baggage, scrubbing off, beside an own conversation id", "baggage open"),
    # The question is an argument of the root's message there, which is no input.
    _pydantic("span", "within a span of logfire, conversation_id", "span conversation", io_source="llm"),
    _pydantic(
        "delegate", "a tool asks another agent, which has its own conversation id", "conversation tools delegate"
    ),
    _pydantic("v2", "instrumentation version 2, tools, history", "conversation tools history", "2"),
    _pydantic("1", "Pydantic AI 1, session.id as baggage, scrubbing off, tools, history", "baggage open tools history"),
    _pydantic("1-v1", "the same, instrumentation version 1", "baggage open tools history", "1"),
    _pydantic("nocontent", "content left out", "conversation nocontent"),
]


def _strands(name: str, says: str, mode: str = "", **variables: str) -> Case:
    return Case(
        name=f"strands-{name}",
        environment="strands",
        program="strands_agent.py",
        sdk="strands-agents 1.62.0",
        says=says,
        mode=mode,
        variables=variables,
    )


STRANDS = [
    _strands("default", "old conventions: texts in span events"),
    _strands("tools", "old conventions, tools", "tools"),
    _strands("latest-tools", "latest conventions, tools", "tools", **LATEST),
]


def _adk(name: str, says: str, mode: str = "", **variables: str) -> Case:
    old = name.startswith("1-")
    return Case(
        name=f"googleadk-{name}",
        environment="googleadk-old" if old else "googleadk",
        program="google_adk.py",
        sdk="google-adk 1.14.1, litellm 1.110.2" if old else "google-adk 2.13.0, litellm 1.110.2",
        says=says,
        mode=mode,
        variables={"LITELLM_LOCAL_MODEL_COST_MAP": "True"} | variables,
    )


CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

GOOGLE_ADK = [
    _adk("default", "default, tools", "tools"),
    _adk("content", "default conventions, content captured, tools", "tools", **{CAPTURE: "true"}),
    _adk("nocontent", "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=false", ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS="false"),
    _adk("latest-tools", "latest conventions, content on spans, tools", "tools", **{CAPTURE: "span_only"} | LATEST),
    _adk("1-tools", "version 1: the model's request and response as attributes, tools", "tools"),
    _adk("latest-event", "latest conventions, content in events", "", **{CAPTURE: "event_only"} | LATEST),
]


def _agents(name: str, says: str, mode: str) -> Case:
    return Case(
        name=f"openaiagents-logfire-{name}",
        environment="agents-logfire",
        program="openai_agents.py",
        sdk="openai-agents 0.24.0, logfire 5.4.0",
        says=says,
        mode=f"logfire {mode}",
    )


AGENTS = [
    _agents("tools", "group_id, Responses API, tools", "tools"),
    _agents("chat", "group_id, chat completions", "chat"),
]

OTHERS = [
    Case(
        name="litellm-otel",
        environment="litellm",
        program="litellm_sdk.py",
        sdk="litellm 1.110.2",
        says="its own OpenTelemetry callback, history; litellm_session_id and metadata are not sent",
        mode="history session",
        variables={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    ),
    Case(
        name="agentframework-tools",
        environment="agent-framework",
        program="agent_framework_agent.py",
        sdk="agent-framework-core 1.23.0",
        says="a session with an id, content on spans, tools",
        mode="tools",
    ),
]

CASES = [*LANGSMITH, *PYDANTIC, *STRANDS, *GOOGLE_ADK, *AGENTS, *OTHERS]
