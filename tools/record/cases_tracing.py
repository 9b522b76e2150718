"""Recordings of SDKs that trace, whatever the application is made of."""

from case import LATEST, Case

_MLFLOW = {"langgraph": "langgraph_graph.py", "openaiagents": "openai_agents.py"}


def _mlflow(name: str, says: str, mode: str, dual: bool = False, **variables: str) -> Case:
    store = {"MLFLOW_TRACKING_URI": "sqlite:////app/run/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    old = name.startswith("3.1-")
    if dual:
        store["MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT"] = "true"
    return Case(
        name=f"mlflow-{name}",
        environment="mlflow-old" if old else "mlflow",
        program=_MLFLOW.get(name.rpartition("-")[2], "mlflow_sdk.py"),
        sdk=f"mlflow {'3.1.4' if old else '3.17.2'}",
        says=says,
        mode=mode,
        variables=store | variables,
    )


SEMCONV = {"MLFLOW_ENABLE_OTEL_GENAI_SEMCONV": "true"}

MLFLOW = [
    _mlflow("otlp-autolog", "OTLP only, openai autolog, session.id on the root", "attr"),
    _mlflow("otlp-tools", "OTLP only, tool span and tool calls", "attr tools"),
    _mlflow("otlp-stream", "OTLP only, streamed answers", "attr stream"),
    _mlflow("otlp-history", "OTLP only, system prompt and the history sent again", "attr history"),
    _mlflow("otlp-image", "OTLP only, an image part", "attr image"),
    _mlflow("otlp-fail", "OTLP only, the second call is refused", "attr fail"),
    _mlflow("otlp-bare", "OTLP only, autolog without a span around: the LLM span is the root", "bare"),
    _mlflow("otlp-metadata", "OTLP only, session by update_current_trace: not sent", "metadata"),
    _mlflow("semconv-responses", "OTLP only, GenAI semconv, Responses API, tools", "attr tools responses", **SEMCONV),
    _mlflow("semconv-langgraph", "OTLP only, GenAI semconv, LangGraph autolog, tools", "mlflow tools", **SEMCONV),
    _mlflow("dual-autolog", "dual export, session by update_current_trace: not sent", "metadata tools json", dual=True),
    _mlflow("otlp-responses", "OTLP only, Responses API, tools", "attr tools responses"),
    _mlflow("otlp-langgraph", "OTLP only, LangGraph autolog with thread_id, tools", "mlflow tools"),
    _mlflow("otlp-manual", "OTLP only, spans by hand: messages in, an object out", "manual"),
    _mlflow("otlp-responsesagent", "OTLP only, ResponsesAgent, session in its request's context only", "agent"),
    _mlflow("otlp-openaiagents", "OTLP only, autolog of the OpenAI Agents SDK, tools", "mlflow tools"),
    _mlflow("3.1-tools", "OTLP only, tools", "attr tools"),
    _mlflow("3.1-history", "OTLP only, history and system prompt", "attr history"),
    _mlflow("semconv", "OTLP only, GenAI semconv, session.id on the root", "attr", **SEMCONV),
    _mlflow("semconv-tools", "OTLP only, GenAI semconv, tools and history", "attr tools history", **SEMCONV),
    _mlflow("semconv-dual", "dual export, GenAI semconv, session by metadata", "metadata", dual=True, **SEMCONV),
]


def _otel(name: str, says: str, mode: str = "", capture: str | None = "true", **variables: str) -> Case:
    content = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": capture} if capture else {}
    new = name.startswith("new")
    return Case(
        name=f"otelgenai-{name}",
        environment="otelgenai-new" if new else "otelgenai",
        program="http_server.py" if name.startswith("http") else "otel_openai_v2.py",
        sdk=f"opentelemetry-instrumentation-openai-v2 2.4b0, util-genai {'1.0b0' if new else '0.4b0'}",
        says=says,
        mode=mode,
        variables=content | variables,
    )


OTEL_GENAI = [
    _otel("old", "default: content in log events", "session"),
    _otel("old-tools", "default: content in log events, tools", "tools session"),
    _otel("old-nocontent", "default: no content captured", capture=None),
    _otel("old-fail", "default, the second call is refused", "fail"),
    _otel("span", "latest, content on spans", "", "span_only", **LATEST),
    _otel("span-tools", "latest, content on spans, tools", "tools tool-content", "span_only", **LATEST),
    _otel("span-history", "latest, content on spans, history and system prompt", "history", "span_only", **LATEST),
    _otel("span-image", "latest, content on spans, an image part", "image", "span_only", **LATEST),
    _otel("span-stream", "latest, content on spans, streamed", "stream", "span_only", **LATEST),
    _otel("span-fail", "latest, content on spans, the second call is refused", "fail", "span_only", **LATEST),
    _otel("span-bare", "latest, content on spans, no span around", "bare", "span_only", **LATEST),
    _otel("http", "latest, content on spans, a web server's span is the root", "", "span_only", **LATEST),
    _otel("http-remote", "the same, and the root is somebody else's", "remote", "span_only", **LATEST),
    _otel("event", "latest, content in an event", "", "event_only", **LATEST),
    _otel("event-tools", "latest, content in an event, tools and history", "tools history", "event_only", **LATEST),
    _otel("new", "util-genai 1.0: the new conventions without opting in, `true` captures nothing", ""),
    _otel("new-span", "util-genai 1.0, content on spans without opting in", "tools", "span_only"),
    _otel("both-tools", "latest, content on spans and in events, tools", "tools", "span_and_event", **LATEST),
]


def _otel_1(name: str, program: str, says: str, mode: str = "", capture: str | None = "span_only") -> Case:
    """The successors of openai-v2 and its kin, on util-genai 1.3."""
    content = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": capture} if capture else {}
    return Case(
        name=f"otelgenai1-{name}",
        environment="otelgenai-1",
        program=program,
        sdk="opentelemetry-instrumentation-genai-* 1.3b0",
        says=says,
        mode=f"genai {mode}",
        variables=content | {"OPENAI_AGENTS_DISABLE_TRACING": "0", "LANGSMITH_TRACING": "false"},
    )


_OPENAI, _LANGGRAPH, _AGENTS = "openinference_openai.py", "langgraph_graph.py", "openai_agents.py"
_V2 = "otel_openai_v2.py"

OTEL_GENAI_1 = [
    _otel_1("openai-tools", _V2, "OpenAI, content on spans, tools", "tools tool-content"),
    _otel_1("openai-image", _V2, "OpenAI, content on spans, an image part", "image bare"),
    _otel_1("openai-stream", _V2, "OpenAI, content on spans, streamed", "stream"),
    _otel_1("openai-responses", _V2, "OpenAI, content on spans, Responses API, tools", "responses tools"),
    _otel_1("openai-event", _V2, "OpenAI, content in events, tools", "tools", "event_only"),
    _otel_1("openai-default", _V2, "OpenAI, defaults", "", None),
    _otel_1("langgraph-tools", _LANGGRAPH, "LangGraph with thread_id, content on spans, tools", "tools"),
    _otel_1("agents-alone", _AGENTS, "OpenAI Agents with group_id, content on spans, tools, client unseen", "tools"),
    _otel_1(
        "agents-tools", _AGENTS, "OpenAI Agents with group_id and the client, content on spans, tools", "tools client"
    ),
]


def _openinference(name: str, program: str, says: str, mode: str = "", **variables: str) -> Case:
    package, version = {
        "openinference_openai.py": ("openai", "0.1.66"),
        "langgraph_graph.py": ("langchain", "0.1.80"),
        "openai_agents.py": ("openai-agents", "2.6.0"),
        "http_server.py": ("openai", "0.1.66"),
    }[program]
    return Case(
        name=f"openinference-{name}",
        environment="openinference",
        program=program,
        sdk=f"openinference-instrumentation-{package} {version}",
        says=says,
        mode=mode,
        variables=variables,
    )


_NO_HOME = {"OPENAI_AGENTS_DISABLE_TRACING": "0", "LANGSMITH_TRACING": "false"}

OPENINFERENCE = [
    _openinference("openai-tools", _OPENAI, "tools", "tools"),
    _openinference("openai-bare", _OPENAI, "no span around: the LLM span is the root", "bare"),
    _openinference("openai-history", _OPENAI, "history and system prompt, bare", "bare history"),
    _openinference("openai-image", _OPENAI, "an image part", "image bare"),
    _openinference("openai-stream", _OPENAI, "streamed", "stream bare"),
    _openinference("openai-responses", _OPENAI, "Responses API, tools", "responses tools"),
    _openinference("openai-fail", _OPENAI, "the second call is refused", "fail"),
    _openinference("openai-hidden", _OPENAI, "inputs are hidden", "", OPENINFERENCE_HIDE_INPUTS="true"),
    _openinference("openai-json", _OPENAI, "the root's input is a JSON object", "json"),
    _openinference("http", "http_server.py", "a web server's span is the root", "openinference"),
    _openinference("langgraph", _LANGGRAPH, "a graph with thread_id"),
    _openinference("langgraph-tools", _LANGGRAPH, "a graph with thread_id and a tool", "tools"),
    _openinference("langgraph-metadata", _LANGGRAPH, "session_id in metadata, another thread_id", "metadata"),
    _openinference("agents", _AGENTS, "group_id, Responses API, tools", "tools", **_NO_HOME),
    _openinference("agents-chat", _AGENTS, "group_id, chat completions", "chat", **_NO_HOME),
]


def _traceloop(name: str, says: str, mode: str = "", **variables: str) -> Case:
    old = name.startswith("old")
    return Case(
        name=f"traceloop-{name}",
        environment="traceloop-old" if old else "traceloop",
        program="langgraph_graph.py" if "langgraph" in name else "traceloop_sdk.py",
        sdk=f"traceloop-sdk {'0.40.14' if old else '0.62.4'}",
        says=says,
        mode=mode,
        variables={"TRACELOOP_TELEMETRY": "false", "TRACELOOP_METRICS_ENABLED": "false"} | variables,
    )


TRACELOOP = [
    _traceloop("tools", "workflow, task and tool, session_id", "tools"),
    _traceloop(
        "agent", "workflow, agent, task and tool, thread_id, set within the workflow", "tools agent inside thread"
    ),
    _traceloop("history", "history and system prompt", "history"),
    _traceloop("image", "an image part, no workflow", "bare image"),
    _traceloop("stream", "streamed, no workflow", "bare stream"),
    _traceloop("responses", "Responses API, tools", "responses tools"),
    _traceloop("langgraph", "LangGraph with thread_id, tools", "traceloop tools"),
    _traceloop("fail", "the second call is refused", "fail"),
    _traceloop("nocontent", "no content captured", "", TRACELOOP_TRACE_CONTENT="false"),
    _traceloop("old-tools", "gen_ai.prompt.N.content, tools", "tools"),
    _traceloop("old-bare", "gen_ai.prompt.N.content, history, no workflow", "bare history"),
    _traceloop("old-agent", "gen_ai.prompt.N.content, agent, thread_id", "agent thread"),
]


_AI = {"4": "4.3.19", "5": "5.0.277", "6": "6.0.326"}


def _vercel(name: str, says: str, mode: str = "") -> Case:
    major = name[0]
    return Case(
        name=f"vercel-{name}",
        environment="vercel-6-langfuse" if name == "6-langfuse" else f"vercel-{major}",
        program="vercel_ai.mjs",
        sdk=f"ai {_AI[major]}",
        says=says,
        mode=mode,
    )


VERCEL = [
    _vercel("6-tools", "generateText with a tool", "tools"),
    _vercel("6-stream", "streamText", "stream"),
    _vercel("6-stream-rush", "streamText, shut down right after the text: the second root is lost", "stream rush"),
    _vercel("6-stream-tools", "streamText with a tool", "stream tools"),
    _vercel("6-history", "generateText, system and messages", "history"),
    _vercel("6-responses", "generateText, Responses API, tools", "responses tools"),
    _vercel("6-fail", "the second call is refused", "fail"),
    _vercel("6-hidden", "recordInputs: false", "hidden"),
    _vercel(
        "6-langfuse", "by Langfuse's span processor (as JSON, converted), propagateAttributes, tools", "langfuse tools"
    ),
    _vercel("4-tools", "generateText with a tool", "tools"),
    _vercel("4-history", "generateText, system and messages", "history"),
    _vercel("5", "generateText"),
    _vercel("5-tools", "generateText with a tool", "tools"),
    _vercel("5-stream-tools", "streamText with a tool, system and messages", "stream tools history"),
]


def _langfuse(name: str, says: str, mode: str = "", **variables: str) -> Case:
    old = name.startswith("3")
    return Case(
        name=f"langfuse-{name}",
        environment="langfuse-old" if old else "langfuse",
        program="langgraph_graph.py" if "langgraph" in name else "langfuse_sdk.py",
        sdk=f"langfuse {'3.15.0' if old else '5.0.4'}",
        says=says,
        mode=mode,
        variables=variables,
    )


LANGFUSE = [
    _langfuse("5", "@observe and OpenAI wrapper, propagate_attributes around"),
    _langfuse("5-tools", "the same, tools, propagate_attributes inside of the turn", "tools inside"),
    _langfuse("5-history", "history and system prompt", "history"),
    _langfuse("5-bare", "only the OpenAI wrapper", "bare"),
    _langfuse("5-stream", "only the OpenAI wrapper, streamed", "bare stream"),
    _langfuse("5-image", "only the OpenAI wrapper, an image part", "bare image"),
    _langfuse("5-fail", "the second call is refused", "fail"),
    _langfuse("5-manual", "spans and generations by hand, text as input and output", "manual"),
    _langfuse("5-responses", "@observe and OpenAI wrapper, Responses API, tools", "responses tools"),
    _langfuse(
        "5-langgraph", "LangGraph with the callback handler, langfuse_session_id in metadata, tools", "langfuse tools"
    ),
    _langfuse("3-tools", "@observe and OpenAI wrapper, update_current_trace", "tools update"),
    _langfuse("3-propagate", "@observe and OpenAI wrapper, propagate_attributes", ""),
]

CASES = [*MLFLOW, *OTEL_GENAI, *OTEL_GENAI_1, *OPENINFERENCE, *TRACELOOP, *VERCEL, *LANGFUSE]
