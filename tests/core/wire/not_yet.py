"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

BARE_ARGUMENT = "the tool span holds the bare argument; its JSON is with the model's call"
DOCUMENT = "MLflow's whole-trace document is no OTLP request"
LOGS = "what was said is in log records, which are not read"

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "mlflow-trace-json-autolog": DOCUMENT,
    },
    "said": {
        "googleadk-content": LOGS,
        "googleadk-latest-event": LOGS,
        "mlflow-trace-json-autolog": DOCUMENT,
        "otelgenai-event": LOGS,
        "otelgenai-event-tools": LOGS,
        "otelgenai-old": LOGS,
        "otelgenai-old-fail": LOGS,
        "otelgenai-old-tools": LOGS,
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
    },
    "called": {
        "googleadk-content": LOGS,
        "mlflow-trace-json-autolog": DOCUMENT,
        "openinference-langgraph-tools": BARE_ARGUMENT,
        "otelgenai-event-tools": LOGS,
        "otelgenai-old-tools": LOGS,
    },
}
