"""Traces as MLflow writes them, and records of the feed."""

import base64
import json
from typing import Any

THANKS = "It is there now. Thank you!"


def trace(number: int, session_id: str | None, user: str, assistant: str) -> str:
    """`Trace.to_json()` of a turn; its trace id is the number."""
    attributes = {
        "mlflow.traceRequestId": f"tr-{number:032x}",
        "mlflow.spanType": "AGENT",
        "mlflow.spanInputs": {"messages": [{"role": "user", "content": user}]},
        "mlflow.spanOutputs": {"choices": [{"message": {"role": "assistant", "content": assistant}}]},
    }
    span: dict[str, Any] = {
        "trace_id": base64.b64encode(number.to_bytes(16, "big")).decode(),
        "span_id": base64.b64encode(number.to_bytes(8, "big")).decode(),
        "parent_span_id": None,
        "name": "agent",
        "start_time_unix_nano": number * 10**9,
        "end_time_unix_nano": number * 10**9 + 1,
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {name: json.dumps(value) for name, value in attributes.items()},
    }
    metadata = {"mlflow.trace.session": session_id} if session_id else {}
    info = {
        "trace_id": f"tr-{number:032x}",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
        "request_time": f"1970-01-01T00:00:{number:02}Z",
        "state": "OK",
        "trace_metadata": metadata,
        "tags": {},
    }
    return json.dumps({"info": info, "data": {"spans": [span]}})


TRACES = [
    trace(1, "chat-1", "Where is my parcel? This is useless!", "On its way."),
    trace(2, "chat-1", THANKS, "You are welcome."),
    trace(3, "chat-2", "How are you?", "Fine."),
]


def record(
    kind: str, token: int, value: str | None = None, judge: str = "user_frustration", **more: Any
) -> dict[str, Any]:
    session = {
        "id": "chat-1", "tenant": "default", "source": "default",
        "first_trace_id": f"tr-{1:032x}", "start_ms": 1, "end_ms": 2,
    }  # fmt: skip
    said = {"judge": judge, "judge_version": "0" * 12, "value": value, "rationale": "…", "revision": token}
    return {
        "schema_version": 1, "kind": kind, "event_id": f"{kind}-{token}", "token": token, "session": session,
        "turns": token, "inclusion": {"probability": 1.0, "reason": "all", "rule": "default"}, "origin": "live",
        "published_at_ms": 1000 * token, **(said if kind != "closing" else {}), **more,
    }  # fmt: skip


FEED = [
    record("verdict", 1, "unresolved"),
    record("closing", 1),
    record("verdict", 2, "resolved"),
    record("verdict", 1, "unresolved"),  # published once more, and late
    record("verdict", 2, "resolved"),
]
