"""OTLP logs: what ends a session, and GenAI content that belongs to a span elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.builders import (
    any_value,
    backwards,
    descending,
    otlp_record,
    raw_record,
    read,
    span,
    turn_of,
)
from tests.core.wire.containers.wrapping import document, hex_ids, with_value

TRACE, ROOT, CHAT = "0a" * 16, "01" * 8, "02" * 8
CUTTER = Cutter(CutRules())


def log(
    event: str, body: Any = None, time_ns: int = 1, at: str = CHAT, named: bool = True, **attributes: Any
) -> LogRecord:
    """A log of a span. `named`: by its field, else by the older attribute."""
    built = LogRecord(time_unix_nano=time_ns, trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(at))
    if named:
        built.event_name = event
    else:
        attributes["event__name"] = event
    if body is not None:
        built.body.CopyFrom(any_value(body))
    for key, value in attributes.items():
        built.attributes.add(key=key.replace("__", "."), value=any_value(value))
    return built


def logs_record(*logs: LogRecord, service: str = "support-bot", scope: str = "openai") -> Record:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name", value=any_value(service))
    group = resource.scope_logs.add()
    group.scope.name = scope
    group.log_records.extend(logs)
    return raw_record(request.SerializeToString())


def upside_down(record: Record) -> Record:
    return record._replace(value=descending(ExportLogsServiceRequest.FromString(record.value or b"")))


SPANS = otlp_record(
    span(TRACE, ROOT, session__id="s1", gen_ai__operation__name="invoke_agent"),
    span(TRACE, CHAT, parent=ROOT, gen_ai__operation__name="chat", gen_ai__request__model="m"),
)
SAID = (
    log("gen_ai.system.message", {"content": "be kind"}, 1),
    log("gen_ai.user.message", {"content": "Größe 👟?"}, 2),
    log("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "42"}}, 3),
)
LOGS = logs_record(*SAID)
WHOLE = turn_of([SPANS, LOGS], TRACE)


def test_words_of_logs_join_their_span() -> None:
    assert (WHOLE.user, WHOLE.assistant, WHOLE.system) == ("Größe 👟?", "42", "be kind")
    assert (WHOLE.io_source, WHOLE.spans_seen, WHOLE.session_id) == ("logs", 2, "s1")


@pytest.mark.parametrize(
    "body", ["plain words", '{"content": "plain words"}', {"content": "plain words", "role": "user"}], ids=str
)
def test_a_body_is_an_object_json_or_text(body: Any) -> None:
    assert turn_of([SPANS, logs_record(log("gen_ai.user.message", body))], TRACE).user == "plain words"


@pytest.mark.parametrize("encode", [json.dumps, list], ids=["json", "structured"])
def test_content_may_stand_in_attributes_and_the_name_too(encode: Callable[[Any], Any]) -> None:
    details = log(
        "gen_ai.client.inference.operation.details",
        named=False,
        gen_ai__input__messages=encode([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
        gen_ai__output__messages=encode([{"role": "assistant", "parts": [{"type": "text", "content": "yo"}]}]),
    )
    turn = turn_of([SPANS, logs_record(details)], TRACE)

    assert (turn.user, turn.assistant, turn.io_source) == ("hi", "yo", "logs")


@settings(max_examples=60)
@given(
    st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=3), st.lists(st.booleans(), min_size=5, max_size=5)
)
def test_order_repetition_batching_and_container_do_not_matter(
    order: list[int], again: list[int], other: list[bool]
) -> None:
    everything = [
        SPANS,
        *(logs_record(one) for one in SAID),
        logs_record(SAID[2], SAID[0]),
    ]
    sent = [everything[n] for n in [*order, *again]]
    for n, changed in enumerate(other):
        if changed:
            sent[n] = _other_container(sent[n])

    assert turn_of(sent, TRACE) == WHOLE


def _other_container(record: Record) -> Record:
    if record is SPANS:
        return backwards(record)
    return (
        upside_down(record)
        if len(record.value or b"") % 2
        else with_value(record, hex_ids(document(record, logs=True)))
    )


def test_logs_without_their_span_are_no_turn() -> None:
    assert read(LOGS, trace_id=TRACE).turn is None
    assert turn_of([LOGS, otlp_record(span(TRACE, ROOT, session__id="s1", input__value="q"))], TRACE).spans_seen == 1


def test_a_session_named_by_logs_is_a_candidate() -> None:
    named = logs_record(log("gen_ai.user.message", {"content": "hi"}, session__id="s9"))
    bare = otlp_record(span(TRACE, CHAT, gen_ai__operation__name="chat"))

    assert [f.candidates for f in CUTTER.cut(named).fragments] == [("s9",)]
    assert [f.candidates for f in CUTTER.cut(upside_down(named)).fragments] == [("s9",)]
    assert read(bare, named, trace_id=TRACE).owner == "s9"


def test_session_events_end_sessions() -> None:
    record = logs_record(
        log("session.end", session__id='"s1"'),
        log("session.end", named=False, session__id="s2"),
        log("session.start", session__id="s4", session__previous_id="s3"),
        log("session.start", session__id="s5"),
        log("session.end"),
        log("session.end", session__id="[REDACTED]"),
    )
    for one in (record, upside_down(record)):
        cut = CUTTER.cut(one)
        assert [(c.event, c.ended) for c in cut.controls] == [
            ("session.end", "s1"),
            ("session.end", "s2"),
            ("session.start", "s3"),
        ]
        assert not cut.problems


def test_other_logs_are_left_out_by_rule() -> None:
    assert CUTTER.cut(logs_record(log("http.request", {"url": "/"}))).out_of_scope == "other_logs"
    assert CUTTER.cut(logs_record(log("browser.gen_ai.x", {"url": "/"}))).out_of_scope == "other_logs"


def test_logs_of_services_that_are_not_listed_are_left_out() -> None:
    rules = CutRules(keep="listed", services=frozenset({"bot"}), scopes=frozenset({"openai"}))
    cutter = Cutter(rules)

    assert cutter.cut(logs_record(*SAID, service="bot", scope="x")).fragments
    assert cutter.cut(logs_record(*SAID, service="shop")).fragments
    assert cutter.cut(logs_record(*SAID, service="shop", scope="x")).out_of_scope == "not_listed"


def test_a_broken_log_costs_no_neighbour() -> None:
    value = (logs_record(*SAID).value or b"")[:-3]
    turn = turn_of([SPANS, raw_record(value)], TRACE)

    assert (turn.user, turn.assistant) == ("Größe 👟?", None)
