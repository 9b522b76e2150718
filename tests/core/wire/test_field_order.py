"""The Collector writes fields from the highest to the lowest, values before keys: the same must be found in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.builders import (
    FIXTURES,
    any_value,
    backwards,
    descending,
    fixture_record,
    otlp_record,
    raw_record,
    read,
    span,
)

TRACE, OTHER = "0a" * 16, "0b" * 16
CUTTER = Cutter(CutRules())
RECORDED = fixture_record("collector-0.155.0.bin")
# Protobuf's own parser refuses it.
NOT_TRACES = "edge-invalid-utf8.bin"
FILES = sorted(path.name for path in FIXTURES.glob("*.bin") if path.name != NOT_TRACES and "-log-" not in path.name)


def found(record: Record) -> list[tuple[str, tuple[str, ...], bool]]:
    return sorted((f.trace_id, f.candidates, f.ends_session) for f in CUTTER.cut(record).fragments)


def test_a_record_of_the_official_collector_gives_sessions_and_what_was_said() -> None:
    """Recorded from the Collector 0.155.0: two applications' turns in one batch."""
    said = {}
    for trace_id, candidates, _ in found(RECORDED):
        owner, turn = read(RECORDED, trace_id=trace_id)
        assert turn is not None
        said[owner] = (candidates, turn.user, turn.assistant)
    assert said == {
        "angry": (("angry",), "Still useless!", "Sorry."),
        "calm": (("calm",), "Where is my parcel?", "At your door."),
    }


@pytest.mark.parametrize("file", FILES)
def test_what_an_sdk_sent_is_found_as_well_after_the_collector_has_written_it(file: str) -> None:
    record = fixture_record(file)

    assert found(record)
    assert found(backwards(record)) == found(record)
    for trace_id, _, _ in found(record):
        assert read(backwards(record), trace_id=trace_id) == read(record, trace_id=trace_id)


@given(st.text(min_size=1, max_size=20), st.integers(0, 60_000), st.sampled_from([0, 18, 300]))
def test_a_value_is_found_whatever_its_length_and_bytes(name: str, length: int, number: int) -> None:
    metadata = json.dumps({"more": "x" * length, "thread_id": "t1"})
    record = otlp_record(span(TRACE, "01" * 8, metadata=metadata, session__id=name, group_id=number))

    assert found(backwards(record)) == found(record)


def test_a_session_of_the_resource_is_found_and_what_follows_it_is_not_its_value() -> None:
    request = ExportTraceServiceRequest.FromString(otlp_record(span(TRACE, "01" * 8, input__value="hi")).value or b"")
    request.resource_spans[0].resource.attributes.add(key="session.id", value=any_value("s1"))

    assert found(raw_record(descending(request))) == [(TRACE, ("s1",), False)]


def test_endings_and_streamers_own_judge_calls_are_known() -> None:
    own = span(OTHER, "01" * 8, session__id="s1", streamer__judge="frustration")
    last = span(TRACE, "02" * 8, session__id="s1", session__end=True)

    assert found(backwards(otlp_record(own, last))) == [(TRACE, ("s1",), True)]
    assert CUTTER.cut(backwards(otlp_record(own))).out_of_scope == "own_judge"
