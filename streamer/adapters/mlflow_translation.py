"""Spans of dialects that have no file of their own, as MLflow's translators read them (Spring AI, VoltAgent, LiveKit,
Laminar, Claude Code, Gemini CLI …).

Rule: asked only where our own dialects found nothing said in a whole trace. Source: mlflow 3.17,
tracing/otel/translation.
"""

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from streamer.core.turn import ToolEvent
from streamer.core.wire.conventions.calls import exchange
from streamer.core.wire.conventions.mlflow import KINDS
from streamer.core.wire.conventions.said import Said, compact
from streamer.core.wire.span import Span
from streamer.core.wire.values import unwrap
from streamer.quiet import hush


def translated(span: Span) -> Said | None:
    """What MLflow would store as the span's inputs and outputs; None where it knows no better than we."""
    try:
        found = _library()(_entity(span))
    except Exception:  # noqa: BLE001 – a translator's own code, on whatever a stranger wrote
        return None
    asked, answered = (found.get(f"mlflow.span{side}") for side in ("Inputs", "Outputs"))
    if asked is None and answered is None:
        return None
    kind = KINDS.get(str(unwrap(found.get("mlflow.spanType"))), "OTHER")
    if kind == "TOOL":
        arguments, result = compact(unwrap(asked)), compact(unwrap(answered))
        return Said(kind, ToolEvent(name=span.name, arguments=arguments, result=result, error=span.is_error))
    words = exchange(asked, answered)
    return Said(kind, words=lambda: words)


@cache
def _library() -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    """A span's attributes as MLflow would store them."""
    hush()
    from mlflow.entities import Span as MlflowSpan
    from mlflow.tracing.otel.translation import translate_span_when_storing

    def attributes(entity: dict[str, Any]) -> Mapping[str, Any]:
        stored: Mapping[str, Any] = translate_span_when_storing(MlflowSpan.from_dict(entity))["attributes"]
        return stored

    return attributes


def _entity(span: Span) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace_id": base64.b64encode(bytes.fromhex(span.trace_id)).decode(),
        "span_id": base64.b64encode(bytes.fromhex(span.span_id)).decode(),
        "parent_span_id": base64.b64encode(bytes.fromhex(span.parent_id)).decode() if span.parent_id else None,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": max(span.start_ns, span.end_ns),
        "events": [
            {"name": name, "time_unix_nano": span.start_ns, "attributes": dict(attributes)}
            for name, attributes in span.events()
        ],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {
            "mlflow.traceRequestId": json.dumps(f"tr-{span.trace_id}"),
            **{key: compact(value) for key, value in span.attributes.items()},
        },
    }
