"""Turns as MLflow's traces, so that MLflow's renderer shows exactly what was said, each text once.

Rule: MLflow reads a session as the root spans' inputs and outputs in the order of request times, and dumps a root with
more than one message as JSON (facts: mlflow 2.2); so a root has one, but where a judge must see the system prompt.
"""

import base64
import json
from typing import Any

from streamer.core.judges import JudgeSpec
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn


def traces_of(spec: JudgeSpec, transcript: Transcript) -> list[Any]:
    """One trace per turn. Only the role adherence judge asks for the system prompt, and gets it with the first turn."""
    shows_system = spec.type == "conversational_role_adherence"
    return [
        _trace(transcript.session_id, turn, turn.system if shows_system and n == 0 else None)
        for n, turn in enumerate(transcript.turns)
    ]


def _trace(session_id: str, turn: Turn, system: str | None) -> Any:  # noqa: ANN401 – MLflow's Trace
    from mlflow.entities import Span, Trace, TraceData, TraceInfo, TraceLocation, TraceState

    messages = [{"role": "user", "content": turn.user or ""}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    root = _span(turn, 0, "turn", "AGENT", {"messages": messages}, turn.assistant or "")
    tools = [
        _span(turn, n, tool.name, "TOOL", tool.arguments, tool.result) for n, tool in enumerate(turn.tools, start=1)
    ]
    info = TraceInfo(
        trace_id=f"tr-{turn.trace_id}",
        trace_location=TraceLocation.from_experiment_id("0"),
        request_time=turn.start_ms,
        state=TraceState.OK,
        trace_metadata={"mlflow.trace.session": session_id},
    )
    return Trace(info=info, data=TraceData(spans=[Span.from_dict(span) for span in (root, *tools)]))


def _span(turn: Turn, number: int, name: str, kind: str, asked: object, answered: object) -> dict[str, Any]:
    attributes = {
        "mlflow.traceRequestId": f"tr-{turn.trace_id}",
        "mlflow.spanType": kind,
        "mlflow.spanInputs": asked,
        "mlflow.spanOutputs": answered,
    }
    return {
        "name": name,
        "trace_id": base64.b64encode(bytes.fromhex(turn.trace_id)).decode(),
        "span_id": base64.b64encode((number + 1).to_bytes(8, "big")).decode(),
        "parent_span_id": base64.b64encode((1).to_bytes(8, "big")).decode() if number else None,
        "start_time_unix_nano": turn.start_ns + number,
        "end_time_unix_nano": max(turn.end_ns, turn.start_ns + number),
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()},
    }
