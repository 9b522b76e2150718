"""Which values count as a session id, and whose wins."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.session_id import SESSION_KEYS, clean, resolve
from streamer.core.wire import varint
from streamer.core.wire.decode import decode
from tests.builders import any_value, backwards, fixture_record, fragments_of, otlp_record, raw_record, read, span

TRACE = "0a" * 16


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  padded  ", "padded"),
        ('"quoted"', "quoted"),
        ('"\\"twice\\""', "twice"),
        (12345, "12345"),
        ("123", "123"),
        (True, None),
        (["a"], None),
        ('["a"]', None),
        ('{"a": 1}', None),
        ("", None),
        ("NULL", None),
        ("undefined", None),
        ("a\0b", None),
        ("[Scrubbed due to 'session']", None),
        ("__REDACTED__", None),
        ("<REDACTED>", None),
        ("[REDACTED]", None),
        ("****", None),
        ("[object Object]", None),
        (float("nan"), None),
    ],
)
def test_cleaning(value: Any, expected: str | None) -> None:
    assert clean(value) == expected


def test_the_root_wins_over_earlier_spans_and_the_rest_are_conflicts() -> None:
    fragment = fragments_of(fixture_record("edge-conflict.bin"))[0]
    resolved = resolve(decode([fragment.frame]))

    assert (resolved.session_id, resolved.conflicts) == ("web-session", ("main-conv", "sub-conv"))


def test_without_a_root_the_earliest_span_wins() -> None:
    late = span(TRACE, "01" * 8, parent="ff" * 8, start_ns=20, session__id="late")
    early = span(TRACE, "02" * 8, parent="ff" * 8, start_ns=10, session__id="early")

    assert read(otlp_record(late, early), trace_id=TRACE).owner == "early"


IDS = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(['"q"', "null", TRACE, '{"session_id": "x"}']),
)


@given(st.lists(st.tuples(st.sampled_from(SESSION_KEYS), IDS), max_size=6))
def test_the_scan_names_whatever_reading_finds(pairs: list[tuple[str, Any]]) -> None:
    spans = [span(TRACE, f"{n + 1:016x}", gen_ai__x=1, **{key: value}) for n, (key, value) in enumerate(pairs)]
    for fragment in fragments_of(otlp_record(*spans)):
        resolved = resolve(decode([fragment.frame]))
        assert {resolved.session_id, *resolved.conflicts} - {None} <= set(fragment.candidates)


@pytest.mark.parametrize(
    "named", [TRACE, f"tr-{TRACE}", f"TR-{TRACE.upper()}", "CgoKCgoKCgoKCgoKCgoKCg==", str(UUID(TRACE))]
)
def test_a_session_named_after_its_trace_is_none(named: str) -> None:
    assert read(otlp_record(span(TRACE, "01" * 8, session__id=named)), trace_id=TRACE).owner is None


def test_only_attributes_of_spans_name_a_session() -> None:
    mimic = "\n\x0asession.id\x12\x04\n\x02no"
    told = span(TRACE, "01" * 8, input__value=mimic, tool={"session.id": "no"}, all=[{"session.id": "no"}])
    told.events.add(name="e").attributes.add(key="session.id", value=any_value("no"))
    told.links.add().attributes.add(key="session.id", value=any_value("no"))
    record = otlp_record(told, span(TRACE, "02" * 8, parent="01" * 8, tool={"session.end": True}))

    for one in (record, backwards(record)):
        assert [(f.candidates, f.ends_session) for f in fragments_of(one)] == [((), False)]
        assert read(one, trace_id=TRACE).owner is None


def test_a_length_may_take_more_bytes_than_it_needs() -> None:
    value = otlp_record(span(TRACE, "01" * 8, session__id="s1")).value or b""
    at = value.index(b"\x0a\x0asession.id")
    padded = (
        span(TRACE, "01" * 8).SerializeToString() + b"\x4a" + bytes([0x80 | value[at - 1], 0x80, 0x80, 0]) + value[at:]
    )
    record = raw_record(varint.delimited(b"\n", varint.delimited(b"\x12", varint.delimited(b"\x12", padded))))

    assert [fragment.candidates for fragment in fragments_of(record)] == [("s1",)]
