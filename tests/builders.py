"""Small builders of what arrives, for everybody's tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from streamer.core.interpret import Interpretation, interpret
from streamer.core.session import Facts
from streamer.core.turn import Turn
from streamer.core.wire import varint
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Fragment, Record

FIXTURES = Path(__file__).parent / "fixtures" / "wire"


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP carries it."""
    wire = AnyValue()
    match value:
        case bool():
            wire.bool_value = value
        case int():
            wire.int_value = value
        case float():
            wire.double_value = value
        case str():
            wire.string_value = value
        case bytes():
            wire.bytes_value = value
        case list():
            wire.array_value.SetInParent()
            wire.array_value.values.extend(any_value(item) for item in value)
        case dict():
            wire.kvlist_value.SetInParent()
            for key, item in value.items():
                wire.kvlist_value.values.add(key=key, value=any_value(item))
        case _:
            raise TypeError(f"no AnyValue for {type(value).__name__}")
    return wire


def span(
    trace_id: str,
    span_id: str,
    parent: str = "",
    name: str = "turn",
    start_ns: int = 1_000_000_000,
    end_ns: int = 2_000_000_000,
    error: bool = False,
    **attributes: Any,
) -> Span:
    """A span. Ids are hex; in `attributes`, `__` stands for a dot: `session__id="s1"`."""
    built = Span(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(parent),
        name=name,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
    )
    for key, value in attributes.items():
        built.attributes.add(key=key.replace("__", "."), value=any_value(value))
    if error:
        built.status.code = Status.STATUS_CODE_ERROR
    return built


def otlp_record(
    *spans: Span, service: str = "support-bot", partition: int = 0, offset: int = 0, timestamp_ms: int = 0
) -> Record:
    """A record as the Collector writes it: one request, one resource, null key."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name", value=any_value(service))
    resource.scope_spans.add().spans.extend(spans)
    return Record("otlp_spans", partition, offset, timestamp_ms, request.SerializeToString())


def descending(message: Message) -> bytes:
    """A message as the Collector's marshaller writes it, from the end: the highest field first, values before keys."""
    out = []
    for field, value in reversed(message.ListFields()):
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                out.append(varint.delimited(varint.encode(field.number << 3 | 2), descending(item)))
            else:
                lone = type(message)()
                getattr(lone, field.name).append(item) if field.is_repeated else setattr(lone, field.name, item)
                out.append(lone.SerializeToString())
    return b"".join(out)


def backwards(record: Record) -> Record:
    """The same spans, as the Collector would have written them."""
    return record._replace(value=descending(ExportTraceServiceRequest.FromString(record.value or b"")))


def raw_record(value: bytes | None) -> Record:
    return Record("otlp_spans", 0, 0, 0, value)


def fixture_record(file: str) -> Record:
    return raw_record((FIXTURES / file).read_bytes())


def fragments_of(*records: Record, rules: CutRules | None = None) -> list[Fragment]:
    cutter = Cutter(rules or CutRules())
    return [fragment for record in records for fragment in cutter.cut(record).fragments]


def facts_of(*records: Record, trace_id: str, **changes: Any) -> Facts:
    """What Redis would keep of one trace after these records."""
    mine = [fragment for fragment in fragments_of(*records) if fragment.trace_id == trace_id]
    candidates = tuple(sorted({c for fragment in mine for c in fragment.candidates}))
    return Facts(candidates, 1, tuple(fragment.frame for fragment in mine), None, False)._replace(**changes)


def read(*records: Record, trace_id: str, kept: Turn | None = None, **changes: Any) -> Interpretation:
    return interpret(trace_id, facts_of(*records, trace_id=trace_id, **changes), kept)


def turn_of(records: Sequence[Record], trace_id: str) -> Turn:
    turn = read(*records, trace_id=trace_id).turn
    assert turn is not None
    return turn
