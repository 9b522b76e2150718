"""The same records in every container that streamer reads."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import zstandard
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streamer.core.wire.records import Record
from tests.builders import backwards

Wrap = Callable[[Record], Record]
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def document(record: Record, logs: bool = False) -> dict[str, Any]:
    """OTLP JSON with base64 ids, as protobuf's own mapping writes it."""
    message = (ExportLogsServiceRequest if logs else ExportTraceServiceRequest).FromString(record.value or b"")
    told: dict[str, Any] = MessageToDict(message)
    return told


def hex_ids(told: Any) -> Any:
    """The same with hex ids, as OTLP prescribes."""
    if isinstance(told, list):
        return [hex_ids(item) for item in told]
    if not isinstance(told, dict):
        return told
    return {
        name: base64.b64decode(inner).hex() if name in _IDS and isinstance(inner, str) else hex_ids(inner)
        for name, inner in told.items()
    }


def with_value(record: Record, value: bytes | str | dict[str, Any] | list[Any], **headers: str) -> Record:
    raw = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    named = [(name.replace("_", "-") if name != "ce_specversion" else name, h.encode()) for name, h in headers.items()]
    return record._replace(value=raw, headers=[*record.headers, *named])


def snake_case(record: Record) -> Record:
    message = ExportTraceServiceRequest.FromString(record.value or b"")
    told = MessageToDict(message, preserving_proto_field_name=True, use_integers_for_enums=True)
    return with_value(record, told)


def one_resource_a_line(record: Record) -> Record:
    parts = hex_ids(document(record))["resourceSpans"]
    return with_value(record, "\n".join(json.dumps({"resourceSpans": [part]}) for part in parts) + "\n")


def event(record: Record, **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "type": "trace", "source": "/app", **data}


def _packed(record: Record) -> str:
    return base64.b64encode(record.value or b"").decode()


CONTAINERS: dict[str, Wrap] = {
    "as it is": lambda r: r,
    "as the collector writes": backwards,
    "json, hex": lambda r: with_value(r, hex_ids(document(r))),
    "json, base64": lambda r: with_value(r, document(r)),
    "json, snake case": snake_case,
    "json, indented, after bom": lambda r: with_value(r, "\ufeff\n" + json.dumps(hex_ids(document(r)), indent=1)),
    "json, after a newline": lambda r: with_value(r, "\n" + json.dumps(hex_ids(document(r)))),
    "ndjson": one_resource_a_line,
    "array": lambda r: with_value(r, [hex_ids(document(r))]),
    "gzip": lambda r: with_value(r, gzip.compress(r.value or b""), content_encoding="gzip"),
    "zstd": lambda r: with_value(r, zstandard.compress(r.value or b"")),
    "gzip around json": lambda r: with_value(r, gzip.compress(json.dumps(document(r)).encode())),
    "confluent protobuf": lambda r: with_value(r, b"\x00\x00\x00\x00\x07\x00" + (r.value or b"")),
    "confluent protobuf, path 2": lambda r: with_value(r, b"\x00\x00\x00\x00\x07\x02\x04" + (r.value or b"")),
    "confluent json": lambda r: with_value(r, b"\x00\x00\x00\x00\x07" + json.dumps(document(r)).encode()),
    "cloudevent, json": lambda r: with_value(r, event(r, data=hex_ids(document(r)))),
    "cloudevent, json text": lambda r: with_value(r, event(r, data=json.dumps(document(r)))),
    "cloudevent, base64": lambda r: with_value(r, event(r, data_base64=_packed(r))),
    "cloudevents, batch": lambda r: with_value(r, [event(r, data_base64=_packed(r))]),
    "cloudevent, binary": lambda r: with_value(r, r.value or b"", ce_specversion="1.0", content_type="text/plain"),
}
