"""The walk over plain requests: what it finds is what the schema finds, and it leaves alone what is unusual."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.wire import varint
from streamer.core.wire.schema import Head, Request, ScopeSpans
from streamer.core.wire.walk import walk
from tests.builders import FIXTURES, backwards, fixture_record, otlp_record, span

FILES = sorted(path.name for path in FIXTURES.glob("*.bin"))
ONE, OTHER = "0a" * 16, "0b" * 16


def by_schema(value: bytes) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, list[bytes]]]]]]:
    """Resource, and of each scope its bytes and the spans by trace."""
    parts = []
    for part in Request.FromString(value).resource_spans:
        scopes = []
        for scope_spans in part.scope_spans:
            traces = defaultdict(list)
            for body in scope_spans.spans:
                traces[Head.FromString(body).trace_id].append(body)
            scopes.append((scope_spans.scope, dict(traces)))
        parts.append((part.resource, scopes))
    return parts


def by_walk(value: bytes) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, list[bytes]]]]]] | None:
    walked = walk(value)
    if walked is None:
        return None
    parts = []
    for part in walked:
        scopes = []
        for scope_spans in part.scope_spans:
            spans = {
                trace: list(ScopeSpans.FromString(b"".join(runs)).spans) for trace, runs in scope_spans.runs.items()
            }
            assert sum(map(len, spans.values())) == scope_spans.size == len(scope_spans.spans)
            scopes.append((scope_spans.scope, spans))
        parts.append((part.resource, scopes))
    return parts


@pytest.mark.parametrize("file", [name for name in FILES if not name.startswith("edge") and "-log-" not in name])
def test_what_sdks_and_collectors_write_is_walked_and_nothing_is_lost(file: str) -> None:
    record = fixture_record(file)
    for value in (record.value, backwards(record).value):
        assert value is not None
        assert by_walk(value) == by_schema(value)


@given(st.data())
def test_whatever_the_bytes_it_agrees_with_the_schema_or_leaves_them_to_it(data: st.DataObject) -> None:
    value = bytearray(fixture_record(data.draw(st.sampled_from(FILES))).value or b"")
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(value[: data.draw(st.integers(1, len(value)))])

    found = by_walk(cut)

    assert found is None or found == by_schema(cut)


def test_spans_of_two_traces_in_turn_come_together() -> None:
    record = otlp_record(*(span(trace, f"{n:016x}") for n, trace in enumerate((ONE, OTHER, ONE, OTHER), 1)))

    (part,) = walk(record.value or b"") or []

    assert {trace.hex(): len(runs) for trace, runs in part.scope_spans[0].runs.items()} == {ONE: 2, OTHER: 2}
    assert part.scope_spans[0].size == 4


@pytest.mark.parametrize(
    "scope",
    [
        b"\x12\x05\x0a\x03abc",
        b"\x12\x1c" + b"\x0a\x10" + bytes(16) + b"\x12\x08" + b"\x01" * 8,
        b"\x12\x1c" + b"\x0a\x10" + b"\x01" * 16 + b"\x1a\x08" + b"\x01" * 8,
        b"\x22\x01x" + b"\x12\x1c" + b"\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x01" * 8,
    ],
    ids=["no ids", "a trace id of zeros", "no span id", "a field that no version of the schema has"],
)
def test_what_is_unusual_is_left_to_the_schema(scope: bytes) -> None:
    value = varint.delimited(b"\x0a", varint.delimited(b"\x12", scope))

    assert walk(value) is None
