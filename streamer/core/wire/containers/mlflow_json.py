"""MLflow's trace document, `Trace.to_json()` or `{"info": …, "data": …}`: a whole trace at once.

Rule: session and user stand in the trace's metadata, and MLflow groups by those, so they become
attributes of the root; attributes stay as MLflow wrote them (JSON in strings, or OTLP's key-value pairs). What the
resource said MLflow keeps as tags. Source: mlflow 3.17, entities/trace.py, entities/span.py (to_dict, and from_dict_v2
for what clients before 3.0 wrote; to_otel_proto as the REST API answers it).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from streamer.core.wire.containers import otlp_json
from streamer.core.wire.containers.json_fields import member, time_of
from streamer.core.wire.records import Problem
from streamer.core.wire.values import unwrap

NAME = "mlflow_json"
WANTED = "info and data"
SCOPE = "mlflow"

_FROM_METADATA = ("mlflow.trace.session", "mlflow.trace.user")
_FROM_TAGS = ("service.name", "service.version", "deployment.environment.name", "deployment.environment")


def claims(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("info"), Mapping) and isinstance(_data(document), Mapping)


def requests(document: Mapping[str, Any], problems: list[Problem]) -> Iterator[bytes]:
    """One request with all its spans."""
    found = _data(document).get("spans")
    told = [_current(span) for span in found] if isinstance(found, list) else []
    spans = [span for span in told if isinstance(span, Mapping)]
    if spans:
        top = min(spans, key=lambda span: (bool(span.get("parent_span_id")), time_of(span.get("start_time_unix_nano"))))
        named = {**top, "attributes": _with(top.get("attributes"), _named(document["info"]))}
        told = [named if span is top else span for span in told]
    scope = {"scope": {"name": SCOPE}, "spans": told}
    resource = {"attributes": _told(document["info"].get("tags"), _FROM_TAGS)}
    return otlp_json.requests({"resource_spans": [{"resource": resource, "scope_spans": [scope]}]}, problems)


def _data(document: Mapping[str, Any]) -> Any:  # noqa: ANN401
    return unwrap(document.get("data"))


def _named(info: Mapping[str, Any]) -> dict[str, Any]:
    return _told(info.get("trace_metadata") or info.get("request_metadata"), _FROM_METADATA)


def _told(found: Any, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401
    return {name: found[name] for name in names if found.get(name)} if isinstance(found, Mapping) else {}


def _with(attributes: Any, more: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """An object with more members, or a list with more pairs."""
    if isinstance(attributes, list):
        return [*attributes, *({"key": key, "value": {"string_value": value}} for key, value in more.items())]
    return {**(attributes if isinstance(attributes, Mapping) else {}), **more}


def _current(span: Any) -> Any:  # noqa: ANN401
    """A span in today's shape, where it has that of MLflow before 3.0."""
    context = span.get("context") if isinstance(span, Mapping) else None
    if not isinstance(context, Mapping):
        return span
    events = span.get("events")
    return {
        "trace_id": context.get("trace_id"),
        "span_id": context.get("span_id"),
        "parent_span_id": span.get("parent_id"),
        "name": span.get("name"),
        "start_time_unix_nano": span.get("start_time"),
        "end_time_unix_nano": span.get("end_time"),
        "status": {"code": span.get("status_code")},
        "attributes": span.get("attributes"),
        "events": [
            {**event, "time_unix_nano": event.get("timestamp") or member(event, "time_unix_nano")}
            for event in (events if isinstance(events, list) else ())
            if isinstance(event, Mapping)
        ],
    }
