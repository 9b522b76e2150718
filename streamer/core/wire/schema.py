"""OTLP's messages as streamer needs them, compiled when the module is imported.

Rule: everything that may hold text is typed `bytes`, in proto2 syntax, so that one invalid UTF-8 byte cannot make a
record unreadable (Collector issue 11449). Cutting types a whole span as bytes: what a span says is not its business.
Logs have the same outer shape: what stands as a span in Request is a LogRecord then.
Field numbers: opentelemetry-proto, trace/v1/trace.proto, logs/v1/logs.proto and common/v1/common.proto (stable since
1.0).
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_F = descriptor_pb2.FieldDescriptorProto
_BYTES, _STRING, _BOOL = _F.TYPE_BYTES, _F.TYPE_STRING, _F.TYPE_BOOL
_INT32, _INT64, _FIXED64, _DOUBLE = _F.TYPE_INT32, _F.TYPE_INT64, _F.TYPE_FIXED64, _F.TYPE_DOUBLE

_MESSAGES: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    "Request": {"resource_spans": (1, "ResourceSpans", True)},
    "ResourceSpans": {"resource": (1, _BYTES, False), "scope_spans": (2, "ScopeSpans", True)},
    "Bare": {"resource_spans": (1, "BareResource", True)},
    "BareResource": {"resource": (1, _BYTES, False), "scope_spans": (2, _BYTES, True)},
    "ScopeSpans": {"scope": (1, _BYTES, False), "spans": (2, _BYTES, True)},
    "Trace": {"resource": (1, _BYTES, False), "scope_spans": (2, "TraceScope", True)},
    "TraceScope": {"scope": (1, _BYTES, False), "spans": (2, "Span", True)},
    "Head": {"trace_id": (1, _BYTES, False), "span_id": (2, _BYTES, False)},
    "Resource": {"attributes": (1, "map", True)},
    "Scope": {"name": (1, _BYTES, False)},
    "Span": {
        "trace_id": (1, _BYTES, False),
        "span_id": (2, _BYTES, False),
        "parent_span_id": (4, _BYTES, False),
        "name": (5, _BYTES, False),
        "start": (7, _FIXED64, False),
        "end": (8, _FIXED64, False),
        "attributes": (9, "map", True),
        "events": (11, _BYTES, True),
        "status": (15, "Status", False),
    },
    "Status": {"message": (2, _BYTES, False), "code": (3, _INT32, False)},
    "Event": {"time": (1, _FIXED64, False), "name": (2, _BYTES, False), "attributes": (3, "map", True)},
    "LogRecord": {
        "time": (1, _FIXED64, False),
        "body": (5, _BYTES, False),
        "attributes": (6, "map", True),
        "trace_id": (9, _BYTES, False),
        "span_id": (10, _BYTES, False),
        "observed": (11, _FIXED64, False),
        "event_name": (12, _BYTES, False),
    },
    "Body": {"string": (1, _BYTES, False), "pairs": (6, "Pairs", False)},
    "Pairs": {"values": (1, "map", True)},
    "AnyValue": {
        "string": (1, _BYTES, False),
        "bool": (2, _BOOL, False),
        "int": (3, _INT64, False),
        "double": (4, _DOUBLE, False),
        "array": (5, "ArrayValue", False),
        "kvlist": (6, "KeyValueList", False),
        "bytes": (7, _BYTES, False),
    },
    "ArrayValue": {"values": (1, "AnyValue", True)},
    "KeyValueList": {"values": (1, "KeyValue", True)},
    "KeyValue": {"key": (1, _BYTES, False), "value": (2, "AnyValue", False)},
}
"""Message → field → (number, type or message, repeated). `map` reads `repeated KeyValue` as map<string, bytes>: the
same bytes on the wire, an order of magnitude cheaper than message objects."""

_PACKAGE = "streamer.wire"


def _compile() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="streamer/wire.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            entry = message.field.add(name=field, number=number)
            entry.label = _F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL
            if isinstance(kind, int):
                entry.type = _F.Type.ValueType(kind)
                continue
            entry.type = _F.TYPE_MESSAGE
            entry.type_name = f".{_PACKAGE}.{name}.{field.title()}Entry" if kind == "map" else f".{_PACKAGE}.{kind}"
            if kind == "map":
                _add_map(message, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


def _add_map(message: descriptor_pb2.DescriptorProto, field: str) -> None:
    nested = message.nested_type.add(name=f"{field.title()}Entry")
    nested.options.map_entry = True
    nested.field.add(name="key", number=1, label=_F.LABEL_OPTIONAL, type=_F.TYPE_STRING)
    nested.field.add(name="value", number=2, label=_F.LABEL_OPTIONAL, type=_F.TYPE_BYTES)


_CLASSES = _compile()
Request: Any = _CLASSES["Request"]
Bare: Any = _CLASSES["Bare"]
"""A Request whose ScopeSpans are left as bytes."""
ResourceSpans: Any = _CLASSES["ResourceSpans"]
ScopeSpans: Any = _CLASSES["ScopeSpans"]
Trace: Any = _CLASSES["Trace"]
"""A ResourceSpans with its spans parsed: one that is broken costs them all."""
Head: Any = _CLASSES["Head"]
Resource: Any = _CLASSES["Resource"]
Scope: Any = _CLASSES["Scope"]
Span: Any = _CLASSES["Span"]
Event: Any = _CLASSES["Event"]
LogRecord: Any = _CLASSES["LogRecord"]
Body: Any = _CLASSES["Body"]
"""A log record's AnyValue, its members left as bytes."""
AnyValue: Any = _CLASSES["AnyValue"]
