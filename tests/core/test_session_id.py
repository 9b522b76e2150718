"""Which values count as a session id, and whose wins."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.session_id import SESSION_KEYS, clean, resolve
from streamer.core.wire.decode import decode
from tests.builders import fixture_record, fragments_of, otlp_record, read, span

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
