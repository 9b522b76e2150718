"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

ADK_1 = "gcp.vertex.agent.* (session, request, response, calls) of ADK 1 are not read"
AGENTS_LOGFIRE = "logfire's own attributes for the OpenAI Agents SDK are not read"
BARE_ARGUMENT = "the tool span holds the bare argument; its JSON is with the model's call"
BLOB = "a part of type `blob` is not named by its modality"
CALL_IN_MESSAGES = "arguments and result stand only in the messages of the model's spans"
DOCUMENT = "MLflow's whole-trace document is no OTLP request"
EVENTS = "calls and texts in span events of Strands are not read"
LANGFUSE = "Langfuse's own attributes are not read"
LANGSMITH = "LangSmith's own attributes are not read"
LLM_USER = "LiteLLM's `llm.user` is not read"
LOGS = "what was said is in log records, which are not read"
METADATA_USER = "the user stands only in the JSON of `metadata`"
PAIRS = "a graph's input of [role, text] pairs is taken for the text itself"
PLAIN_USER = "the user stands only in the root's `user_id`, which is the application's own metadata"
PYDANTIC_EVENTS = "`events` and `all_messages_events` are not read"
PYDANTIC_TOOL = "`tool_arguments` and `tool_response` are not read"
RESPONSES_AGENT = "the request of a ResponsesAgent is taken for the text itself"
ROOT_JSON = "a JSON object as the root's input is taken for the text itself"
ROOT_TEXT = "the root's own attributes are not read, the same text is taken from an LLM span"
TOOL_MESSAGE = "the tool span's output is LangChain's whole tool message"
TRACELOOP = "Traceloop's own attributes are not read"
VERCEL = "the Vercel AI SDK's own attributes are not read"
WRAPPED = "ADK wraps what a tool returns as the member `result` of an object"

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {
        "googleadk-1-tools": ADK_1,
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "litellm-otel": LLM_USER,
        "mlflow-otlp-langgraph": METADATA_USER,
        "mlflow-otlp-openaiagents": PLAIN_USER,
        "mlflow-semconv-langgraph": METADATA_USER,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-chat": AGENTS_LOGFIRE,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-langgraph": METADATA_USER,
        "openinference-langgraph-metadata": METADATA_USER,
        "openinference-langgraph-tools": METADATA_USER,
    },
    "said": {
        "googleadk-1-tools": ADK_1,
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
        "langfuse-5-langgraph": LANGFUSE,
        "langfuse-5-manual": LANGFUSE,
        "langfuse-5-responses": LANGFUSE,
        "langfuse-5-stream": LANGFUSE,
        "langfuse-5-tools": LANGFUSE,
        "langsmith-fail-1": LANGSMITH,
        "langsmith-langgraph-tools": LANGSMITH,
        "mlflow-otlp-langgraph": PAIRS,
        "mlflow-otlp-responsesagent": RESPONSES_AGENT,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-chat": AGENTS_LOGFIRE,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-openai-json": ROOT_JSON,
        "otelgenai-event": LOGS,
        "otelgenai-event-tools": LOGS,
        "otelgenai-old": LOGS,
        "otelgenai-old-fail": LOGS,
        "otelgenai-old-tools": LOGS,
        "otelgenai1-openai-event": LOGS,
        "otelgenai1-openai-image-0": BLOB,
        "pydanticai-1-v1": PYDANTIC_EVENTS,
        "strands-default": EVENTS,
        "strands-tools": EVENTS,
        "vercel-4-history": VERCEL,
        "vercel-4-tools": VERCEL,
        "vercel-5": VERCEL,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-fail": VERCEL,
        "vercel-6-hidden": VERCEL,
        "vercel-6-history": VERCEL,
        "vercel-6-langfuse": VERCEL,
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
        "otelgenai1-openai-event": LOGS,
        "pydanticai-1": ROOT_TEXT,
        "pydanticai-1-v1": ROOT_TEXT,
        "pydanticai-baggage": ROOT_TEXT,
        "pydanticai-conversation": ROOT_TEXT,
        "pydanticai-delegate": ROOT_TEXT,
        "pydanticai-history": ROOT_TEXT,
        "pydanticai-open-baggage": ROOT_TEXT,
        "pydanticai-own": ROOT_TEXT,
        "pydanticai-scrubbed": ROOT_TEXT,
        "pydanticai-v2": ROOT_TEXT,
        "traceloop-agent": ROOT_TEXT,
        "traceloop-default": ROOT_TEXT,
        "traceloop-fail": ROOT_TEXT,
        "traceloop-history": ROOT_TEXT,
        "traceloop-old-agent": ROOT_TEXT,
        "traceloop-old-tools": ROOT_TEXT,
        "traceloop-responses": ROOT_TEXT,
        "traceloop-tools": ROOT_TEXT,
        "vercel-4-history": VERCEL,
        "vercel-4-tools": VERCEL,
        "vercel-5": VERCEL,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-fail": VERCEL,
        "vercel-6-hidden": VERCEL,
        "vercel-6-history": VERCEL,
        "vercel-6-langfuse": VERCEL,
        "vercel-6-responses": VERCEL,
        "vercel-6-stream": VERCEL,
        "vercel-6-stream-rush": VERCEL,
        "vercel-6-stream-tools": VERCEL,
        "vercel-6-tools": VERCEL,
        "vercel-default": VERCEL,
    },
    "called": {
        "googleadk-1-tools": ADK_1,
        "googleadk-content": LOGS,
        "googleadk-latest-tools": WRAPPED,
        "langfuse-3-tools": LANGFUSE,
        "langfuse-5-langgraph": LANGFUSE,
        "langfuse-5-responses": LANGFUSE,
        "langfuse-5-tools": LANGFUSE,
        "langsmith-langgraph-tools": LANGSMITH,
        "langsmith-responses": LANGSMITH,
        "langsmith-session": LANGSMITH,
        "mlflow-otlp-langgraph": TOOL_MESSAGE,
        "mlflow-semconv-langgraph": TOOL_MESSAGE,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openaiagents-logfire-tools": AGENTS_LOGFIRE,
        "openinference-langgraph-tools": BARE_ARGUMENT,
        "otelgenai-both-tools": CALL_IN_MESSAGES,
        "otelgenai-event-tools": LOGS,
        "otelgenai-new-span": CALL_IN_MESSAGES,
        "otelgenai-old-tools": LOGS,
        "otelgenai1-openai-event": LOGS,
        "otelgenai1-openai-responses": CALL_IN_MESSAGES,
        "pydanticai-1": PYDANTIC_TOOL,
        "pydanticai-1-v1": PYDANTIC_TOOL,
        "pydanticai-v2": PYDANTIC_TOOL,
        "strands-latest-tools": EVENTS,
        "strands-tools": EVENTS,
        "traceloop-agent": TRACELOOP,
        "traceloop-langgraph": TRACELOOP,
        "traceloop-old-tools": TRACELOOP,
        "traceloop-responses": TRACELOOP,
        "traceloop-tools": TRACELOOP,
        "vercel-4-tools": VERCEL,
        "vercel-5-stream-tools": VERCEL,
        "vercel-5-tools": VERCEL,
        "vercel-6-langfuse": VERCEL,
        "vercel-6-responses": VERCEL,
        "vercel-6-stream-tools": VERCEL,
        "vercel-6-tools": VERCEL,
    },
}
