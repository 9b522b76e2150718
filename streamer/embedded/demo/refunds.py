"""Conversations of a second agent, refund_bot, by the hundred: one OTLP request holds many, as a busy Collector's do.

Rule: they are spans like any other, with the times that the scene wants; what becomes of them is streamer's doing. Each
ends its session, as a closed chat window does, so that nobody waits for a quiet gap. No two say the same, so that a
call that is paid twice shows.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

AGENT = "refund_bot"
OLD, NEW = "1.4.1", "2.0.0"
USUAL_ONE_IN = 8
"""So many conversations end unresolved as a rule; with the new version all but one in four."""
_FINE = (
    ("Where is the refund for order {n}?", "It reaches your account on Friday."),
    ("Can I return order {n} for a refund?", "Yes; the label is in your inbox."),
    ("I was charged twice for order {n}.", "One of the two is on its way back."),
    ("Order {n} came too late, I want my money back.", "I have refunded it just now."),
)
_ANGRY = (
    ("The refund for order {n} failed again. This is useless!", "Please try again later."),
    ("Third time I ask: order {n} says refund failed. Ridiculous.", "Refund failed. Please try again later."),
    ("Your page says refund failed for order {n}. I give up, speak to a human!", "Please try again later."),
    ("Order {n}: refund failed, and I am still not paid back. Terrible.", "Please try again later."),
)
_LASTS_MS = 40_000


class Refund(NamedTuple):
    session: str
    version: str
    ended_ms: int
    words: tuple[str, str]


def usual(first: int, times_ms: Sequence[int], version: str = OLD) -> list[Refund]:
    """One in eight is angry."""
    return [refund(n, version, at_ms, angry=n % USUAL_ONE_IN == 3) for n, at_ms in enumerate(times_ms, first)]


def rolling_out(n: int, at_ms: int) -> Refund:
    """Every third conversation still gets the old version."""
    return usual(n, [at_ms])[0] if n % 3 == 0 else refund(n, NEW, at_ms, angry=n % 4 != 0)


def refund(n: int, version: str, at_ms: int, *, angry: bool) -> Refund:
    """Of two messages; `at_ms` is its end."""
    said = (_ANGRY if angry else _FINE)[n % 4]
    return Refund(f"refund-{n}", version, at_ms, (said[0].format(n=n), said[1]))


def exported(refunds: Sequence[Refund]) -> bytes:
    """An ExportTraceServiceRequest; one resource per version."""
    request = ExportTraceServiceRequest()
    for version in sorted({refund.version for refund in refunds}):
        part = request.resource_spans.add()
        for key, value in (("service.name", "refunds"), ("service.version", version)):
            part.resource.attributes.add(key=key).value.string_value = value
        spans = part.scope_spans.add().spans
        for refund in refunds:
            if refund.version == version:
                _write(spans.add(), refund)
    return request.SerializeToString()


def _write(span: Span, refund: Refund) -> None:
    trace = sha256(f"{refund.session} {refund.ended_ms}".encode()).digest()
    span.trace_id, span.span_id, span.name = trace[:16], trace[16:24], AGENT
    span.start_time_unix_nano = (refund.ended_ms - _LASTS_MS) * 1_000_000
    span.end_time_unix_nano = refund.ended_ms * 1_000_000
    for key, value in _attributes(refund):
        span.attributes.add(key=key).value.string_value = value


def _attributes(refund: Refund) -> Iterator[tuple[str, str]]:
    user, assistant = refund.words
    yield "session.id", refund.session
    yield "session.end", "true"
    yield "mlflow.spanType", json.dumps("AGENT")
    yield "mlflow.spanInputs", json.dumps({"messages": [{"role": "user", "content": user}]})
    yield "mlflow.spanOutputs", json.dumps({"choices": [{"message": {"role": "assistant", "content": assistant}}]})
