"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

AGENTS_LOGFIRE = "logfire's own attributes for the OpenAI Agents SDK are not read"
BARE_ARGUMENT = "the tool span holds the bare argument; its JSON is with the model's call"
CALL_IN_MESSAGES = "arguments and result stand only in the messages of the model's spans"
DOCUMENT = "MLflow's whole-trace document is no OTLP request"
EVENTS = "calls and texts in span events of Strands are not read"
LANGFUSE = "Langfuse's own attributes are not read"
LANGSMITH = "LangSmith's own attributes are not read"
LOGS = "what was said is in log records, which are not read"
METADATA_USER = "the user stands only in the JSON of `metadata`"
ROOT_JSON = "a JSON object as the root's input is taken for the text itself"
ROOT_TEXT = "the root's own attributes are not read, the same text is taken from an LLM span"
TRACELOOP = "Traceloop's own attributes are not read"
VERCEL = "the Vercel AI SDK's own attributes are not read"
WRAPPED = "ADK wraps what a tool returns as the member `result` of an object"

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-chat": AGENTS_LOGFIRE,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-langgraph": METADATA_USER,
        "openinference-langgraph-metadata": METADATA_USER,
        "openinference-langgraph-tools": METADATA_USER,
    },
    "said": {
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "langfuse": LANGFUSE,
        "langfuse-3-propagate": LANGFUSE,
        "langfuse-3-tools": LANGFUSE,
        "langfuse-5": LANGFUSE,
        "langfuse-5-bare": LANGFUSE,
        "langfuse-5-fail": LANGFUSE,
        "langfuse-5-history": LANGFUSE,
        "langfuse-5-image": LANGFUSE,
        "langfuse-5-manual": LANGFUSE,
        "langfuse-5-stream": LANGFUSE,
        "langfuse-5-tools": LANGFUSE,
        "langsmith-fail-1": LANGSMITH,
        "langsmith-langgraph-tools": LANGSMITH,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-chat": AGENTS_LOGFIRE,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-openai-json": ROOT_JSON,
        "otelgenai-event": LOGS,
        "otelgenai-event-tools": LOGS,
        "otelgenai-old": LOGS,
        "otelgenai-old-fail": LOGS,
        "otelgenai-old-tools": LOGS,
        "strands-default": EVENTS,
        "strands-tools": EVENTS,
        "vercel-5": VERCEL,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-fail": VERCEL,
        "vercel-6-hidden": VERCEL,
        "vercel-6-history": VERCEL,
        "vercel-6-responses": VERCEL,
        "vercel-6-stream": VERCEL,
        "vercel-6-stream-rush": VERCEL,
        "vercel-6-stream-tools": VERCEL,
        "vercel-6-tools": VERCEL,
        "vercel-default": VERCEL,
    },
    "whence": {
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "mlflow-trace-json-autolog": DOCUMENT,
        "otelgenai-event": LOGS,
        "otelgenai-event-tools": LOGS,
        "otelgenai-old": LOGS,
        "otelgenai-old-fail": LOGS,
        "otelgenai-old-tools": LOGS,
        "pydanticai-baggage": ROOT_TEXT,
        "pydanticai-conversation": ROOT_TEXT,
        "pydanticai-history": ROOT_TEXT,
        "pydanticai-open-baggage": ROOT_TEXT,
        "pydanticai-own": ROOT_TEXT,
        "pydanticai-scrubbed": ROOT_TEXT,
        "traceloop-agent": ROOT_TEXT,
        "traceloop-default": ROOT_TEXT,
        "traceloop-fail": ROOT_TEXT,
        "traceloop-history": ROOT_TEXT,
        "traceloop-old-agent": ROOT_TEXT,
        "traceloop-old-tools": ROOT_TEXT,
        "traceloop-tools": ROOT_TEXT,
        "vercel-5": VERCEL,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-fail": VERCEL,
        "vercel-6-hidden": VERCEL,
        "vercel-6-history": VERCEL,
        "vercel-6-responses": VERCEL,
        "vercel-6-stream": VERCEL,
        "vercel-6-stream-rush": VERCEL,
        "vercel-6-stream-tools": VERCEL,
        "vercel-6-tools": VERCEL,
        "vercel-default": VERCEL,
    },
    "called": {
        "googleadk-content": LOGS,
        "googleadk-latest-tools": WRAPPED,
        "langfuse-3-tools": LANGFUSE,
        "langfuse-5-tools": LANGFUSE,
        "langsmith-langgraph-tools": LANGSMITH,
        "langsmith-session": LANGSMITH,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-langgraph-tools": BARE_ARGUMENT,
        "otelgenai-both-tools": CALL_IN_MESSAGES,
        "otelgenai-event-tools": LOGS,
        "otelgenai-new-span": CALL_IN_MESSAGES,
        "otelgenai-old-tools": LOGS,
        "strands-latest-tools": EVENTS,
        "strands-tools": EVENTS,
        "traceloop-agent": TRACELOOP,
        "traceloop-old-tools": TRACELOOP,
        "traceloop-tools": TRACELOOP,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-responses": VERCEL,
        "vercel-6-stream-tools": VERCEL,
        "vercel-6-tools": VERCEL,
    },
}
