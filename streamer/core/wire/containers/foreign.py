"""Formats that streamer knows and does not read: a Collector converts them, and has the libraries for it."""

from collections.abc import Mapping
from typing import Any

_REMEDY = "let a Collector read it (kafka receiver, encoding {}) and write otlp_proto"
_AVRO_FILE = b"Obj\x01"


def of_bytes(value: bytes) -> str:
    """What it is and what to do, "" if it is none that is known."""
    if value.startswith(b"\n\x10") and value[18:20] == b"\x12\x08":
        return f"Jaeger protobuf: {_REMEDY.format('jaeger_proto')}"
    if value.startswith(b"\n") and any(value.startswith(head, 2) for head in (b"\n\x08", b"\n\x10")):
        return f"Zipkin protobuf, it seems: {_REMEDY.format('zipkin_proto')}"
    if value.startswith(_AVRO_FILE):
        return "an Avro file: let its producer or a Collector write otlp_proto"
    if value[:1] == b"\x0c" and value[5:6] == b"\x0b":
        return f"Zipkin in Thrift: {_REMEDY.format('zipkin_thrift')}"
    return ""


def of_document(document: Any) -> str:  # noqa: ANN401
    """The same of a JSON document."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, Mapping):
        return ""
    inner = first.get("data")
    if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
        first = inner[0]
    if "traceID" in first:
        return f"Jaeger JSON: {_REMEDY.format('jaeger_json')}"
    if "traceId" in first and "id" in first:
        return f"Zipkin JSON: {_REMEDY.format('zipkin_json')}"
    if "resourceMetrics" in first or "resource_metrics" in first:
        return "OTLP metrics: name the topic of traces"
    return ""


def of_content_type(content_type: str) -> str:
    if "avro" in content_type:
        return "Avro: let its producer or a Collector write otlp_proto"
    if "thrift" in content_type:
        return f"Thrift: {_REMEDY.format('zipkin_thrift')}"
    return ""
