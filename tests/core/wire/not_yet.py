"""Fixtures that are recorded but not read yet: name, or name and turn, and why.

By what is asked of them: whose turn it is, what was said, where (`whence`), which tools were called. The tests of
test_fixtures.py must fail for these, so a dialect that is added takes its names out of here.
"""

BARE_ARGUMENT = "the tool span holds the bare argument; its JSON is with the model's call"
LOGS = "the tool's answer is a log of the model's next call, which this generation sends without the call's id"
TRACELOOP = "LangChain's tool span holds its input as Python's repr, among its own bookkeeping"

NOT_YET: dict[str, dict[str, str]] = {
    "whose": {},
    "said": {},
    "whence": {},
    "called": {
        "openinference-langgraph-tools": BARE_ARGUMENT,
        "otelgenai-old-tools": LOGS,
        "traceloop-langgraph": TRACELOOP,
    },
}
