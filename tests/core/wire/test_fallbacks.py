"""Whose a record is where its spans do not say: by a header, the key, the resource; spans come first."""

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streamer.core.preview import preview
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.builders import otlp_record, span

TRACE = "0a" * 16
SILENT: dict[str, Any] = {"input__value": "Hello?", "output__value": "Hi.", "openinference__span__kind": "AGENT"}


def record_of(*, named: str | None = None, resource: str | None = None, trace: str = TRACE, **given: Any) -> Record:
    said = SILENT if named is None else {**SILENT, "session__id": named}
    record = otlp_record(span(trace, "01" * 8, **said))
    request = ExportTraceServiceRequest.FromString(record.value or b"")
    if resource is not None:
        request.resource_spans[0].resource.attributes.add(key="chat.id").value.string_value = resource
    return record._replace(value=request.SerializeToString(), **given)


def named_by(*records: Record, fallbacks: tuple[str, ...]) -> tuple[str | None, str | None]:
    """(session id, its source) of the one turn."""
    (seen,) = preview(records, Cutter(CutRules(session_fallbacks=fallbacks))).turns
    assert seen.session_id == seen.turn.session_id
    return seen.session_id, seen.turn.session_id_source


HEADERS = [("x-chat", b'"chat 1"'), ("other", None)]


@pytest.mark.parametrize(
    ("record", "fallbacks", "expected"),
    [
        (record_of(headers=HEADERS), ("header:x-chat",), ("chat 1", "record")),
        (record_of(key=b"chat-2"), ("header:x-chat", "key"), ("chat-2", "record")),
        (record_of(resource="chat-3"), ("resource:chat.id",), ("chat-3", "record")),
        (record_of(resource="chat-3", key=b"chat-2"), ("resource:chat.id", "key"), ("chat-3", "record")),
        (record_of(named="chat-4", key=b"chat-2"), ("key",), ("chat-4", "session.id")),
        (record_of(key=b"__REDACTED__", headers=HEADERS), ("key", "header:x-chat"), ("chat 1", "record")),
        (record_of(key=TRACE.encode()), ("key",), (None, None)),
        (record_of(key=b"chat-2"), (), (None, None)),
        (record_of(key=b"\xff\xfe"), ("header:x-chat",), (None, None)),
    ],
)
def test_the_first_that_holds_a_usable_id_counts_where_no_span_names_one(
    record: Record, fallbacks: tuple[str, ...], expected: tuple[str | None, str | None]
) -> None:
    assert named_by(record, fallbacks=fallbacks) == expected


def test_a_span_in_another_record_of_the_trace_comes_first() -> None:
    child, root = record_of(key=b"chat-2"), record_of(named="chat-4")
    assert named_by(child, root, fallbacks=("key",)) == ("chat-4", "session.id")


def test_the_order_of_keys_is_the_users() -> None:
    spans = otlp_record(span(TRACE, "01" * 8, **SILENT, session__id="browser", gen_ai__conversation__id="chat-5"))
    (first,) = preview([spans], Cutter(CutRules())).turns
    (second,) = preview([spans], Cutter(CutRules(session_keys=("gen_ai.conversation.id",)))).turns
    assert (first.session_id, second.session_id) == ("browser", "chat-5")


def test_tenants_of_one_record_are_apart_where_a_resource_may_name_them() -> None:
    first, second = record_of(named="s1", resource="acme"), record_of(named="s1", resource="beta", trace="0b" * 16)
    both = first._replace(value=(first.value or b"") + (second.value or b""))
    apart = preview([both], Cutter(CutRules(tenant_resource="chat.id")))
    assert [(seen.tenant, seen.session_id) for seen in apart.turns] == [("acme", "s1"), ("beta", "s1")]
    assert {seen.tenant for seen in preview([both], Cutter(CutRules())).turns} == {"default"}
