"""What holds of any bytes, and of any way in which the same spans may arrive."""

import json
import random
import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streamer.core.preview import preview
from streamer.core.turn import Turn
from streamer.core.wire import varint
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.builders import fixture_record, raw_record
from tests.core.wire.containers.wrapping import CONTAINERS
from tests.core.wire.mutations import OUTSIDE, mutated, read, recorded

RECORDED = recorded()
GROUPS = [
    ("mlflow-global-baggage-00.bin", "mlflow-global-baggage-01.bin", "mlflow-global-baggage-02.bin"),
    ("openaiagents-oi-00.bin",),
    ("otelgenai-latest-00.bin", "edge-conflict.bin"),
    ("pydanticai-baggage-00.bin", "edge-split-1-child.bin", "edge-split-2-root.bin"),
    ("collector-0.155.0.bin", "edge-session-values.bin"),
]
MEMBERS = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "traceId",
    "spanId",
    "attributes",
    "key",
    "value",
    "stringValue",
    "intValue",
    "arrayValue",
    "values",
    "resource",
    "scope",
    "events",
    "info",
    "data",
    "trace_metadata",
    "specversion",
    "data_base64",
    "resourceLogs",
    "scopeLogs",
    "logRecords",
    "body",
    "status",
    "code",
]
SPAN = b"\n\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x02" * 8


def nested(scope_spans: bytes) -> bytes:
    return varint.delimited(b"\n", varint.delimited(b"\x12", scope_spans))


MUTATIONS, SEED = 30_000, 5
MEMORY_MB_MAX = 400
"""What broken records may add to the process: its caches of session ids and attributes, and one record of 16 MiB."""
HOSTILE = {
    "empty resources": b"\n\x00" * 8_000_000,
    "empty spans": nested(b"\x12\x00" * 4_000_000),
    "one span, half a million times": nested(varint.delimited(b"\x12", SPAN) * 500_000),
    "a string without end": b'{"a": "' + b'\\"' * 8_000_000,
    "brackets": b'{"spans": ' + b"[" * 10_000_000,
    "lists": b"[" + b"[]," * 900_000 + b"[]]",
    "spans without ids": b'{"resourceSpans": [{"scopeSpans": [{"spans": [' + b"{}," * 300_000 + b"{}]}]}]}",
}


@given(st.binary(max_size=300), st.sampled_from(OUTSIDE))
def test_no_bytes_in_any_container_make_it_raise(value: bytes, wrap: object) -> None:
    read(wrap(value))  # type: ignore[operator]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
        max_leaves=30,
    )
)
def test_no_json_makes_it_raise(document: object) -> None:
    read(json.dumps(document).encode())


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_no_mutation_of_a_fixture_makes_it_raise(seed: int) -> None:
    read(mutated(RECORDED, random.Random(seed)))


@settings(max_examples=100)
@given(st.sampled_from(GROUPS), st.integers(0, 2**32))
def test_the_way_in_which_spans_arrive_does_not_matter(files: tuple[str, ...], seed: int) -> None:
    """Permuted, repeated, split, batched anew across records, each in a container of its own."""
    records = [fixture_record(file) for file in files]

    assert turns(rearranged(records, random.Random(seed))) == turns(records)


def turns(records: list[Record]) -> list[tuple[str, str | None, Turn]]:
    return [(seen.tenant, seen.session_id, seen.turn) for seen in preview(records, Cutter(CutRules(keep="all"))).turns]


def rearranged(records: list[Record], rng: random.Random) -> list[Record]:
    alone = []
    for record in records:
        for part in ExportTraceServiceRequest.FromString(record.value or b"").resource_spans:
            alone += [(part.resource, scope.scope, span) for scope in part.scope_spans for span in scope.spans]
    alone += rng.choices(alone, k=rng.randrange(4))
    rng.shuffle(alone)
    found = []
    while alone:
        request, size = ExportTraceServiceRequest(), rng.randrange(1, 6)
        for about, scope, span in alone[:size]:
            part = request.resource_spans.add(resource=about)
            part.scope_spans.add(scope=scope).spans.append(span)
        del alone[:size]
        wrap = rng.choice(list(CONTAINERS.values()))
        found.append(wrap(raw_record(request.SerializeToString())))
    return found


@pytest.mark.slow
def test_30_000_mutations_leave_the_process_alive_and_small() -> None:
    rng = random.Random(SEED)
    for _ in range(500):  # fills the caches
        read(mutated(RECORDED, rng))
    before, began = _peak_mb(), time.monotonic()
    for _ in range(MUTATIONS):
        read(mutated(RECORDED, rng))
    grown = _peak_mb() - before
    print(f"{MUTATIONS} mutations: {time.monotonic() - began:.0f} s, {grown:.0f} MB more at the peak")
    assert grown < MEMORY_MB_MAX


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_become_large_in_memory_does_not(name: str) -> None:
    before, began = _peak_mb(), time.monotonic()
    cut = Cutter(CutRules(keep="all")).cut(raw_record(HOSTILE[name]))
    grown = _peak_mb() - before
    print(f"{name}: {time.monotonic() - began:.1f} s, {grown:.0f} MB more at the peak, {cut.problems[:1]}")
    assert grown < MEMORY_MB_MAX


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
