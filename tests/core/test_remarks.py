"""What a trace says of itself: attributes that rules ask for, and what the user thought."""

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from streamer.core.interpret import interpret
from streamer.core.remarks import PAIRS_MAX
from streamer.core.turn import Turn
from streamer.core.turn_codec import pack, unpack
from tests.builders import any_value, facts_of, otlp_record, raw_record, span

TRACE, ROOT, CHILD = "0a" * 16, "0b" * 8, "0c" * 8
SAID: dict[str, Any] = {
    "input__value": "Hi",
    "output__value": "Ho",
    "session__id": "s",
    "openinference__span__kind": "AGENT",
}


def read(*records: Any, asked: frozenset[str] = frozenset(), kept: Turn | None = None, **changes: Any) -> Turn:
    turn = interpret(TRACE, facts_of(*records, trace_id=TRACE, **changes), kept, asked=asked).turn
    assert turn is not None
    return turn


def evaluated(one: Span, name: str, **said: object) -> Span:
    event = one.events.add(name="gen_ai.evaluation.result")
    event.attributes.add(key="gen_ai.evaluation.name", value=any_value(name))
    for key, value in said.items():
        event.attributes.add(key=f"gen_ai.evaluation.score.{key}", value=any_value(value))
    return one


def test_only_what_a_rule_asks_for_is_kept_of_spans_and_resource() -> None:
    record = otlp_record(span(TRACE, ROOT, **SAID, plan="pro", n=1, beta=True, odd=["x"]))
    asked = frozenset({"plan", "n", "beta", "odd", "service.name", "absent"})
    turn = read(record, asked=asked)
    assert turn.attributes == (("beta", "true"), ("n", "1"), ("plan", "pro"), ("service.name", "support-bot"))
    assert read(record).attributes == ()
    assert unpack(pack(turn)) == turn


def test_an_attribute_that_differs_in_every_span_is_bounded() -> None:
    spans = [span(TRACE, f"{n:016x}", ROOT, request=f"r{n}") for n in range(1, 3 * PAIRS_MAX)]
    turn = read(otlp_record(span(TRACE, ROOT, **SAID), *spans), asked=frozenset({"request"}))
    assert len(turn.attributes) == PAIRS_MAX


@pytest.mark.parametrize(
    ("name", "said", "down"),
    [
        ("user_feedback", {"label": "thumbs_down"}, True),
        ("user_feedback", {"label": "thumbs_up", "value": 0.0}, False),
        ("user.feedback", {"value": 0.0}, True),
        ("user-feedback", {"value": 1.0}, False),
        ("Thumbs Down", {"value": 1}, True),
        ("thumbs_down", {"value": 0}, False),
        ("relevance", {"value": 0.0}, False),
        ("feedback", {}, False),
    ],
)
def test_a_thumb_is_read_from_an_evaluation_of_the_user(name: str, said: dict[str, object], down: bool) -> None:
    one = evaluated(span(TRACE, ROOT, **SAID), name, **said)
    assert read(otlp_record(one)).thumbs_down is down


@pytest.mark.parametrize(("value", "down"), [(False, True), (0, True), ("negative", True), (1, False), ("good", False)])
def test_a_thumb_is_read_from_logfires_annotation(value: object, down: bool) -> None:
    said: dict[str, Any] = {"logfire__feedback__name": "thumbs", "thumbs": value}
    note = span(TRACE, CHILD, ROOT, name="feedback: thumbs", **said)
    assert read(otlp_record(span(TRACE, ROOT, **SAID), note)).thumbs_down is down


def thumb_as_log() -> Any:
    request = ExportLogsServiceRequest()
    log = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            event_name="gen_ai.evaluation.result",
            trace_id=bytes.fromhex(TRACE),
            span_id=bytes.fromhex(ROOT),
            time_unix_nano=5,
        )
    )
    log.attributes.add(key="gen_ai.evaluation.name", value=any_value("user_feedback"))
    log.attributes.add(key="gen_ai.evaluation.score.label", value=any_value("thumbs_down"))
    return raw_record(request.SerializeToString())


def test_a_thumb_that_is_logged_joins_its_span() -> None:
    turn = read(otlp_record(span(TRACE, ROOT, **SAID)), thumb_as_log())
    assert (turn.thumbs_down, turn.user, turn.assistant) == (True, "Hi", "Ho")


def test_a_thumb_after_the_sweep_is_added_to_the_kept_turn() -> None:
    kept = read(otlp_record(span(TRACE, ROOT, **SAID, plan="pro")), asked=frozenset({"plan"}))
    late = read(thumb_as_log(), kept=kept, swept=True, version=7)
    assert (late.thumbs_down, late.version, late.user, late.attributes) == (True, 7, "Hi", (("plan", "pro"),))
