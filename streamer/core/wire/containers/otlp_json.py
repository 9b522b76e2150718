"""OTLP as JSON, traces and logs: `{"resourceSpans": […]}`, as exporters, the Collector's `otlp_json` and people write
it. What streamer never reads (span kind, links, trace state, counts of what was dropped) is left behind."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from streamer.core.wire.containers.json_fields import (
    BadSpanError,
    attributes_of,
    id_of,
    member,
    name_of,
    objects,
    status_of,
    time_of,
    value_of,
)
from streamer.core.wire.encode import pack
from streamer.core.wire.records import Problem
from streamer.core.wire.schema import Event, LogRecord, Request, Resource, Scope, Span

NAME = "otlp_json"
WANTED = "resourceSpans or resourceLogs"


def claims(document: Mapping[str, Any]) -> bool:
    return any(member(document, f"resource_{signal}") is not None for signal in ("spans", "logs"))


def requests(document: Mapping[str, Any], problems: list[Problem]) -> Iterator[bytes]:
    """One request of each signal that it holds; spans that are none go to `problems`."""
    for signal, items, convert in (("spans", "spans", span), ("logs", "log_records", log_record)):
        parts = objects(document, f"resource_{signal}")
        if parts:
            yield _request(parts, f"scope_{signal}", items, convert, problems)


def _request(
    parts: list[Any], scopes: str, items: str, convert: Callable[[Any], bytes], problems: list[Problem]
) -> bytes:
    request = Request()
    for part in parts:
        built = request.resource_spans.add(resource=_resource(part))
        for scope in objects(part, scopes):
            group = built.scope_spans.add(scope=_scope(scope))
            for told in objects(scope, items):
                try:
                    group.spans.append(convert(told))
                except BadSpanError as error:
                    problems.append(Problem("bad_span", str(error), -1))
    return pack(request)


def _resource(part: Any) -> bytes:  # noqa: ANN401
    told = part.get("resource") if isinstance(part, Mapping) else None
    return pack(Resource(attributes=dict(attributes_of(_attributes(told)))))


def _scope(scope: Any) -> bytes:  # noqa: ANN401
    told = scope.get("scope") if isinstance(scope, Mapping) else None
    return pack(Scope(name=name_of(told.get("name") if isinstance(told, Mapping) else None)))


def _attributes(told: Any) -> Any:  # noqa: ANN401
    return told.get("attributes") if isinstance(told, Mapping) else None


def span(told: Any) -> bytes:  # noqa: ANN401
    """A span's bytes. BadSpanError if it has no ids."""
    if not isinstance(told, Mapping):
        raise BadSpanError("a span that is not whole JSON")
    status = told.get("status")
    built = Span(
        trace_id=id_of(member(told, "trace_id"), 16),
        span_id=id_of(member(told, "span_id"), 8),
        parent_span_id=id_of(member(told, "parent_span_id"), 8),
        name=name_of(told.get("name")),
        start=time_of(member(told, "start_time_unix_nano")),
        end=time_of(member(told, "end_time_unix_nano")),
        attributes=dict(attributes_of(told.get("attributes"))),
        events=[_event(event) for event in objects(told, "events") if isinstance(event, Mapping)],
    )
    built.status.code = status_of(status)
    return pack(built)


def _event(told: Mapping[str, Any]) -> bytes:
    return pack(
        Event(
            time=time_of(member(told, "time_unix_nano")),
            name=name_of(told.get("name")),
            attributes=dict(attributes_of(told.get("attributes"))),
        )
    )


def log_record(told: Any) -> bytes:  # noqa: ANN401
    """A log record's bytes. BadSpanError if it names ids that are none."""
    if not isinstance(told, Mapping):
        raise BadSpanError("a log record that is not whole JSON")
    return pack(
        LogRecord(
            time=time_of(member(told, "time_unix_nano")),
            observed=time_of(member(told, "observed_time_unix_nano")),
            event_name=name_of(member(told, "event_name")),
            trace_id=id_of(member(told, "trace_id"), 16),
            span_id=id_of(member(told, "span_id"), 8),
            body=value_of(told.get("body")),
            attributes=dict(attributes_of(told.get("attributes"))),
        )
    )
