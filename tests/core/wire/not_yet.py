"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

DOCUMENT = "MLflow's whole-trace document is no OTLP request"
LANGFUSE = "Langfuse's own attributes are not read"
ROOT_TEXT = "the root's own attributes are not read, the same text is taken from an LLM span"
VERCEL = "the Vercel AI SDK's own attributes are not read"

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {
        "mlflow-trace-json-autolog": DOCUMENT,
    },
    "said": {
        "langfuse": LANGFUSE,
        "mlflow-trace-json-autolog": DOCUMENT,
        "vercel-default": VERCEL,
    },
    "whence": {
        "mlflow-trace-json-autolog": DOCUMENT,
        "pydanticai-baggage": ROOT_TEXT,
        "traceloop-default": ROOT_TEXT,
        "vercel-default": VERCEL,
    },
    "called": {
        "mlflow-trace-json-autolog": DOCUMENT,
    },
}
