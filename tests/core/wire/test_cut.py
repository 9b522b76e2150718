"""Bytes into fragments: nothing raises, good spans survive their neighbours, what is left out says by which rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.decode import decode
from streamer.core.wire.records import Cut, Record
from tests.builders import fixture_record, otlp_record, raw_record, span

TRACE, OTHER = "0a" * 16, "0b" * 16
CUTTER = Cutter(CutRules())
GOOD = otlp_record(*(span(TRACE, f"{n:016x}", session__id="s1", input__value="hello") for n in range(1, 6)))

RECORDED = fixture_record("collector-0.155.0.bin")


def spans_in(record: Record, cutter: Cutter = CUTTER) -> set[str]:
    return {s.span_id for f in cutter.cut(record).fragments for s in decode([f.frame])}


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    cut = CUTTER.cut(raw_record(value))

    assert cut.fragments or cut.problems or cut.out_of_scope
    assert decode([value, *(f.frame for f in cut.fragments)]) is not None


@pytest.mark.parametrize("record", [GOOD, RECORDED], ids=["sdk", "collector"])
@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
def test_one_changed_byte_never_makes_it_raise(record: Record, at: int, byte: int) -> None:
    value = bytearray(record.value or b"")
    value[at % len(value)] = byte

    cut = CUTTER.cut(raw_record(bytes(value)))

    assert cut.fragments or cut.problems or cut.out_of_scope
    for fragment in cut.fragments:
        decode([fragment.frame])


def test_a_truncated_record_loses_only_its_last_span() -> None:
    cut = CUTTER.cut(raw_record((GOOD.value or b"")[:-3]))

    assert [p.reason for p in cut.problems] == ["truncated"]
    assert spans_in(raw_record((GOOD.value or b"")[:-3])) == {f"{n:016x}" for n in range(1, 5)}


def test_invalid_utf8_costs_no_span() -> None:
    assert CUTTER.cut(fixture_record("edge-invalid-utf8.bin")).spans == 4


def test_a_span_with_a_bad_id_costs_only_itself() -> None:
    record = otlp_record(span(TRACE, "01" * 4, session__id="s1"), span("00" * 16, "02" * 8), span(TRACE, "03" * 8))

    cut = CUTTER.cut(record)

    assert [p.reason for p in cut.problems] == ["bad_span", "bad_span"]
    assert spans_in(record) == {"03" * 8}


def test_too_deep_nesting_costs_no_neighbour() -> None:
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    record = otlp_record(span(TRACE, "01" * 8, input__value=deep), span(TRACE, "02" * 8, session__id="s1"))

    assert spans_in(record) == {"01" * 8, "02" * 8}


def test_a_tombstone_is_out_of_scope_and_no_problem() -> None:
    for value in (None, b""):
        assert CUTTER.cut(raw_record(value)) == Cut([], [], 0, "tombstone")


def test_what_holds_no_spans_is_a_problem() -> None:
    for record in (
        raw_record(b'{"resourceSpans": []}'),
        raw_record(b"\xff\xff"),
        raw_record(b"[1, 2]"),
    ):
        cut = CUTTER.cut(record)
        assert not cut.fragments
        assert [p.reason for p in cut.problems] in (["unreadable"], ["no_spans"])


def test_a_record_above_the_limit_is_too_large() -> None:
    cut = Cutter(CutRules(value_bytes_max=100)).cut(GOOD)

    assert [p.reason for p in cut.problems] == ["too_large"]


def test_records_without_anything_of_an_llm_are_left_out_by_rule() -> None:
    record = otlp_record(span(TRACE, "01" * 8, http__route="/cart"))

    assert CUTTER.cut(record).out_of_scope == "no_genai_key"
    assert Cutter(CutRules(keep="all")).cut(record).spans == 1


def test_listed_services_are_kept_and_others_left_out() -> None:
    rules = CutRules(keep="listed", services=frozenset({"bot"}))

    assert Cutter(rules).cut(otlp_record(span(TRACE, "01" * 8), service="bot")).spans == 1
    assert Cutter(rules).cut(otlp_record(span(TRACE, "01" * 8), service="shop")).out_of_scope == "not_listed"


def test_streamers_own_judge_calls_are_left_out() -> None:
    own = span(TRACE, "01" * 8, session__id="s1", streamer__judge="frustration")

    assert CUTTER.cut(otlp_record(own)).out_of_scope == "own_judge"
    assert spans_in(otlp_record(own, span(OTHER, "02" * 8, session__id="s1"))) == {"02" * 8}


def test_the_tenant_is_the_headers_value_where_there_is_one() -> None:
    cutter = Cutter(CutRules(tenant_header="x-tenant-id", tenant="house"))

    assert {f.tenant for f in cutter.cut(GOOD).fragments} == {"house"}
    named = GOOD._replace(headers=[("x-tenant-id", b"acme")])
    assert {f.tenant for f in cutter.cut(named).fragments} == {"acme"}


def test_an_ending_attribute_ends_the_session_only_when_true() -> None:
    for value, ends in ((True, True), ("true", True), ('"yes"', True), ("1", True), (False, False), ("no", False)):
        (fragment,) = CUTTER.cut(otlp_record(span(TRACE, "01" * 8, session__end=value))).fragments
        assert fragment.ends_session is ends


def test_the_same_bytes_at_another_offset_are_the_same_fragment() -> None:
    again = Cutter(CutRules()).cut(GOOD._replace(offset=9))

    assert [f.digest for f in again.fragments] == [f.digest for f in CUTTER.cut(GOOD).fragments]


def test_metadata_and_every_key_of_a_span_give_candidates() -> None:
    record = otlp_record(
        span(TRACE, "01" * 8, metadata='{"thread_id": "t1"}', session__id='"s1"'),
        span(TRACE, "02" * 8, gen_ai__conversation__id=TRACE, group_id=7),
    )

    assert CUTTER.cut(record).fragments[0].candidates == ("7", "s1", "t1")


def test_a_span_that_is_broken_inside_costs_only_itself() -> None:
    value = (GOOD.value or b"").replace(b"\x10" + b"\x0a" * 16 + b"\x12\x08" + (3).to_bytes(8, "big"), b"\x7f" * 27)

    assert spans_in(raw_record(value)) == {f"{n:016x}" for n in (1, 2, 4, 5)}


def test_a_key_that_is_not_utf8_costs_only_its_attribute() -> None:
    value = (GOOD.value or b"").replace(b"input.value", b"input.valu\xff", 1)
    spans = {s.span_id: s for f in CUTTER.cut(raw_record(value)).fragments for s in decode([f.frame])}

    assert len(spans) == 5
    assert set(spans["0" * 15 + "1"].attributes) == {"session.id"}
