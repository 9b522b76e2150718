"""Recordings of further clients, frameworks and tracers, and of other versions of those that there are."""

import json
import re
from pathlib import Path

from case import LATEST, Case

_PINS = Path(__file__).resolve().parent / "requirements"
_LANGSMITH = {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}
_LANGSMITH |= {"LANGSMITH_API_KEY": "none", "LANGSMITH_PROJECT": "shop"}
_OF_ENVIRONMENTS = {
    "mlflow": {"MLFLOW_TRACKING_URI": "sqlite:////app/run/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"},
    "traceloop": {"TRACELOOP_TELEMETRY": "false", "TRACELOOP_METRICS_ENABLED": "false"},
    "langsmith": _LANGSMITH,
}
_LITELLM = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
_ON_SPANS = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only", "LANGSMITH_TRACING": "false"}
_NO_TURN = {"openinference-llamaindex-stream": "StreamingAgentChatResponse.*"}
_NO_TURN |= dict.fromkeys(("openinference-autogen", "autogen"), "create_agent .*")
"""Roots beside the turns."""
_NOT_BY_ROOT = {"openinference-llamaindex-tools": "llm", "semantickernel-logs": "logs"}
"""Where the words are taken from when they stand twice, once in Python's repr of an object or cut short."""


def _pinned(environment: str, package: str) -> str:
    if (_PINS / environment).is_dir():
        lock = json.loads((_PINS / environment / "package-lock.json").read_text())
        return f"{package} {lock['packages'][f'node_modules/{package}']['version']}"
    found = re.search(rf"^{re.escape(package)}==(\S+)", (_PINS / f"{environment}.txt").read_text(), re.MULTILINE)
    return f"{package} {found[1] if found else '?'}"


def _cases(environment: str, program: str, package: str, modes: dict[str, str], **variables: str) -> list[Case]:
    """`modes`: the words for the program, by the names of the recordings."""
    own = _OF_ENVIRONMENTS.get(environment.partition("-")[0], {})
    return [
        Case(
            name=name,
            environment=environment,
            program=program,
            sdk=_pinned(environment, package),
            says=mode,
            mode=mode,
            variables=own | variables,
            skip=_NO_TURN.get(name),
            expected={"io_source": _NOT_BY_ROOT[name]} if name in _NOT_BY_ROOT else {},
        )
        for name, mode in modes.items()
    ]


_CLIENTS, _SMALL, _LLAMA = "clients.py", "small_agents.py", "llamaindex_chat.py"
_OI = "openinference-instrumentation"
_CREW = {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "CREWAI_TESTING": "true"}
_HAYSTACK = {"openinference-haystack": "", "openinference-haystack-agent": "agent"}
OPENINFERENCE = [
    *_cases(
        "oi-clients",
        _CLIENTS,
        f"{_OI}-anthropic",
        {
            "openinference-anthropic": "by-oi anthropic history",
            "openinference-anthropic-stream": "by-oi anthropic stream around",
            "openinference-anthropic-exact": "by-oi anthropic exact",
        },
    ),
    *_cases("oi-clients", _CLIENTS, f"{_OI}-google-genai", {"openinference-gemini-exact": "by-oi gemini exact"}),
    *_cases("oi-clients", _CLIENTS, f"{_OI}-bedrock", {"openinference-bedrock": "by-oi bedrock history"}),
    *_cases("oi-clients", _CLIENTS, f"{_OI}-litellm", {"openinference-litellm": "by-oi litellm history"}, **_LITELLM),
    *_cases(
        "oi-llamaindex",
        _LLAMA,
        f"{_OI}-llama-index",
        {
            "openinference-llamaindex-exact": "exact",
            "openinference-llamaindex-stream": "stream",
            "openinference-llamaindex-tools": "tools",
        },
    ),
    *_cases("oi-dspy", "dspy_module.py", f"{_OI}-dspy", {"openinference-dspy": ""}, **_LITELLM),
    *_cases("oi-crewai", "crew.py", f"{_OI}-crewai", {"openinference-crewai": ""}, **_CREW),
    *_cases(
        "oi-agents",
        _SMALL,
        f"{_OI}-agno",
        {"openinference-agno-tools": "agno tools", "openinference-agno-exact": "agno exact"},
    ),
    *_cases("oi-agents", _SMALL, f"{_OI}-pydantic-ai", {"openinference-pydanticai": "pydantic tools"}),
    *_cases("oi-autogen", "autogen_chat.py", f"{_OI}-autogen-agentchat", {"openinference-autogen": "by-oi tools"}),
    *_cases("oi-autogen", "haystack_pipeline.py", f"{_OI}-haystack", _HAYSTACK),
]
CONTRIB = [
    *_cases(
        "otel-clients",
        _CLIENTS,
        "opentelemetry-instrumentation-google-genai",
        {"otelgoogle-span": "by-otel gemini history"},
        **LATEST,
        **_ON_SPANS,
    ),
    *_cases(
        "otel-clients",
        _CLIENTS,
        "opentelemetry-instrumentation-genai-anthropic",
        {"otelgenai1-anthropic": "by-otel anthropic history"},
        **_ON_SPANS,
    ),
]
MLFLOW = [
    *_cases(
        "mlflow-mid", "mlflow_sdk.py", "mlflow", {"mlflow-3.6-tools": "attr tools", "mlflow-3.6-exact": "attr exact"}
    ),
    *_cases(
        "mlflow-late", "mlflow_sdk.py", "mlflow", {"mlflow-3.10-tools": "attr tools", "mlflow-3.10-exact": "attr exact"}
    ),
    *_cases("mlflow-more", _CLIENTS, "mlflow", {"mlflow-otlp-gemini": "by-mlflow gemini history bare"}),
    *_cases("mlflow-more", _SMALL, "mlflow", {"mlflow-otlp-pydanticai": "by-mlflow pydantic tools"}),
    *_cases("mlflow-more", _SMALL, "mlflow", {"mlflow-otlp-smolagents": "by-mlflow smolagents tools"}),
]
TRACELOOP = [
    *_cases("traceloop-more", _CLIENTS, "traceloop-sdk", {"traceloop-anthropic": "by-traceloop anthropic history"}),
    *_cases("traceloop-mid", "traceloop_sdk.py", "traceloop-sdk", {"traceloop-mid-tools": "tools"}),
]
_LMNR = {"lmnr-openai": "by-lmnr openai history", "lmnr-anthropic": "by-lmnr anthropic"}
_KERNEL = {"SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE": "true"}
_LOGFIRE = {"logfire-openai-tools": "by-logfire openai tools", "logfire-anthropic": "by-logfire anthropic history"}
OTHERS = [
    *_cases("langfuse-4", "langfuse_sdk.py", "langfuse", {"langfuse-4-tools": "tools", "langfuse-4-exact": "exact"}),
    *_cases("logfire-clients", _CLIENTS, "logfire", _LOGFIRE),
    *_cases(
        "semantic-kernel",
        "semantic_kernel_agent.py",
        "semantic-kernel",
        {"semantickernel": "tools", "semantickernel-logs": "tools logs"},
        **_KERNEL,
    ),
    *_cases("googleadk-mid", "google_adk.py", "google-adk", {"googleadk-mid": "tools"}, **_LITELLM),
    *_cases("openlit", _CLIENTS, "openlit", {"openlit-anthropic": "by-openlit anthropic history"}),
    *_cases("lmnr", _CLIENTS, "lmnr", _LMNR),
    *_cases("langsmith-old", "langsmith_sdk.py", "langsmith", {"langsmith-0.4-session": "tools"}),
    *_cases("langsmith-old", "langgraph_graph.py", "langsmith", {"langsmith-0.4-langgraph": "langsmith tools"}),
    *_cases("autogen", "autogen_chat.py", "autogen-agentchat", {"autogen": "tools"}),
]
JAVASCRIPT = [
    *_cases(
        "vercel-7",
        "vercel_ai.mjs",
        "ai",
        {
            "vercel-7": "otel",
            "vercel-7-tools": "otel tools history",
            "vercel-7-stream": "otel stream",
            "vercel-7-exact": "otel exact history",
            "vercel-7-legacy-tools": "otel legacy tools",
        },
    ),
    *_cases(
        "vercel-6",
        "vercel_ai.mjs",
        "ai",
        {
            "vercel-6-object": "object",
            "vercel-6-thread": "threadId",
            "vercel-6-conversation": "conversationId stream",
            "vercel-6-snake": "session_id",
        },
    ),
    *_cases(
        "js-openai",
        "js_openai.mjs",
        "openai",
        {"js-openinference-openai-exact": "openinference exact", "js-langfuse-openai-exact": "langfuse exact"},
    ),
]


def _langchain(by: str, environment: str, package: str, words: str, modes: str) -> list[Case]:
    named = {f"{by}-langchain-{mode}": f"{words} {mode}" for mode in modes.split()}
    return _cases(environment, "langchain_chain.py", package, named, **(_ON_SPANS if by != "langsmith" else {}))


LANGCHAIN = [
    *_langchain("openinference", "openinference", f"{_OI}-langchain", "", "utterance"),
    *_langchain("langfuse-5", "langfuse", "langfuse", "langfuse", "chain utterance history stream rag agent"),
    *_langchain("langsmith", "langsmith", "langsmith", "langsmith", "utterance"),
    *_langchain("traceloop", "traceloop", "traceloop-sdk", "traceloop", "chain utterance history stream rag"),
    *_langchain("mlflow-otlp", "mlflow", "mlflow", "mlflow", "utterance"),
    *_langchain(
        "otelgenai1",
        "otelgenai-1",
        "opentelemetry-instrumentation-genai-langchain",
        "genai",
        "chain utterance history stream rag",
    ),
]

_AGENTS = "openai_agents.py"
_NO_HOME = {"OPENAI_AGENTS_DISABLE_TRACING": "0", "LANGSMITH_TRACING": "false"}
HANDOFF = [
    *_cases("openinference", _AGENTS, f"{_OI}-openai-agents", {"openinference-agents-handoff": "handoff"}, **_NO_HOME),
    *_cases(
        "otelgenai-1",
        _AGENTS,
        "opentelemetry-instrumentation-genai-openai-agents",
        {"otelgenai1-agents-handoff": "genai client handoff"},
        **_ON_SPANS | _NO_HOME,
    ),
]

CASES = [*HANDOFF, *OPENINFERENCE, *CONTRIB, *MLFLOW, *TRACELOOP, *OTHERS, *JAVASCRIPT, *LANGCHAIN]
