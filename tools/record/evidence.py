"""What stands in recorded requests, found by looking for the very texts that the program said.

Nothing here knows a dialect: spans are read with the published protobuf schema, JSON inside of strings is opened, and
a text is where it is found. So the expected results do not depend on streamer's own decoder.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SESSION_KEYS = (
    "session.id",
    "langfuse.session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id",
    "ai.telemetry.metadata.sessionId",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "group_id",
)
"""wire.md 2.4: of several attributes with the session, this order says which is named as its source."""
STORED_PICTURES = ("mlflow-attachment://", "@@@langfuseMedia")
"""What Langfuse and MLflow send in place of a picture, which they keep elsewhere."""


@dataclass
class Found:
    """One attribute's value that holds what was sought. `whole`: it is the value itself, not a part of a document."""

    place: str
    key: str
    whole: bool


@dataclass
class Trace:
    """The spans and log records of one trace."""

    trace_id: str
    spans: list[Span] = field(default_factory=list)
    logs: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def root(self) -> Span | None:
        return next((span for span in self.spans if not span.parent_span_id), None)

    @property
    def start_ns(self) -> int:
        return min(span.start_time_unix_nano for span in self.spans)

    def values(self) -> Iterator[tuple[str, str, Any]]:
        """(place, key, value) of everything that was sent with it, the root first."""
        for span in sorted(self.spans, key=lambda span: (bool(span.parent_span_id), span.start_time_unix_nano)):
            place = "child" if span.parent_span_id else "root"
            for pair in span.attributes:
                yield place, pair.key, plain(pair.value)
            for event in span.events:
                for pair in event.attributes:
                    yield f"{place} event {event.name}", pair.key, plain(pair.value)
        for name, body in self.logs:
            yield "log", name, body

    def find(self, text: str) -> list[Found]:
        """Where a text stands: a session's or user's id as a value, other texts also within one."""
        found = []
        for place, key, value in self.values():
            leaves = list(leaves_of(value, text))
            if any(text in leaf for leaf in leaves):
                found.append(Found(place, re.sub(r"\.\d+(?=\.|$)", ".N", key), leaves == [text]))
        return found


def plain(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return plain_pairs(value.kvlist_value.values)
        case None:
            return None
        case "bytes_value":
            return value.bytes_value.decode("utf-8", "replace")
        case kind:
            return getattr(value, kind)


def plain_pairs(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in pairs}


def leaves_of(value: Any, sought: str | None = None) -> Iterator[str]:
    """Every text in a value, also in JSON that is written into a text, unless that is the very text sought."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves_of(item, sought)
    elif isinstance(value, list):
        for item in value:
            yield from leaves_of(item, sought)
    elif isinstance(value, str):
        inner = None if value == sought else opened(value)
        if inner is None:
            yield value
        else:
            yield from leaves_of(inner, sought)


def opened(text: str) -> Any:
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def traces_of(requests: Iterable[bytes], logs: Iterable[bytes]) -> list[Trace]:
    """By start. Logs without a trace are left out."""
    traces: dict[str, Trace] = {}
    for raw in requests:
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    traces.setdefault(span.trace_id.hex(), Trace(span.trace_id.hex())).spans.append(span)
    for raw in logs:
        for resource in ExportLogsServiceRequest.FromString(raw).resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    attributes = plain_pairs(record.attributes)
                    name = record.event_name or str(attributes.get("event.name", ""))
                    if trace := traces.get(record.trace_id.hex()):
                        trace.logs.append((f"{name} body", plain(record.body)))
                        trace.logs.extend((f"{name} {key}", value) for key, value in attributes.items())
    return sorted(traces.values(), key=lambda trace: trace.start_ns)


def binary(request: bytes) -> bytes:
    """A request of traces that came as OTLP/JSON, as a Collector would pass it on; any other as it is."""
    if not request.startswith(b"{"):
        return request
    whole = json.loads(request)
    for span in (s for r in whole["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]):
        for key in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()  # OTLP writes hex, protobuf's JSON base64
    return ParseDict(whole, ExportTraceServiceRequest(), ignore_unknown_fields=True).SerializeToString()


def strings_of(request: bytes, logs: bool) -> Iterator[str]:
    """Every text of a request, resources and scopes too: for the search for what must not be there."""
    kind = ExportLogsServiceRequest if logs else ExportTraceServiceRequest
    yield from leaves_of(MessageToDict(kind.FromString(request)))


def turn_of(trace: Trace, said: dict[str, Any]) -> dict[str, Any]:
    """A manifest's turn: ids and times as sent, words as the program said them if they were sent at all."""
    session = said["session"]
    named = [hit for hit in trace.find(session) if _names(hit)] if session else []
    source = min(named, key=_rank).key if named else None
    words = {who: said[who] if said[who] and trace.find(said[who]) else None for who in ("user", "assistant")}
    user_id = said["user_id"]
    root = trace.root
    parents = {span.span_id for span in trace.spans}
    turn = {
        "trace_id": trace.trace_id,
        "has_root": root is not None,
        "complete": root is not None and all(s.parent_span_id in parents for s in trace.spans if s.parent_span_id),
        "spans_seen": len(trace.spans),
        "name": (root or trace.spans[0]).name,
        "session_id": session if named else None,
        "session_id_source": source,
        "session_conflicts": said["conflicts"],
        "user_id": user_id if any(_names(hit) for hit in trace.find(user_id)) else None,
        **words,
        "io_source": _io_source(trace, [text for text in words.values() if text]),
        "start_ns": trace.start_ns,
        "end_ns": max(span.end_time_unix_nano for span in trace.spans),
        "error": any(s.status.code == Status.STATUS_CODE_ERROR for s in ([root] if root else trace.spans)),
    }
    if tools := [_sent(tool, trace) for tool in said["tools"] if trace.find(tool["name"])]:
        turn["tools"] = tools
    place = {"root": "root", "llm": "child"}.get(turn["io_source"] or "")
    pictures = (said["picture"], *STORED_PICTURES) if said.get("picture") else ()
    if words["user"] and any(hit.place == place for picture in pictures for hit in trace.find(picture)):
        turn["omitted"] = ["image"]
    return turn


def _sent(tool: dict[str, Any], trace: Trace) -> dict[str, Any]:
    """A call as far as it was sent: the name may be all."""
    arguments = all(trace.find(value) for value in tool["arguments"].values())
    return tool | {
        "arguments": tool["arguments"] if arguments else None,
        "result": tool["result"] if trace.find(tool["result"]) else None,
    }


def _names(hit: Found) -> bool:
    """An attribute that is an id, or metadata with one; not a document that happens to hold it."""
    return "event" not in hit.place and (hit.whole or "metadata" in hit.key)


def _rank(hit: Found) -> tuple[bool, int]:
    return hit.place != "root", SESSION_KEYS.index(hit.key) if hit.key in SESSION_KEYS else len(SESSION_KEYS)


def _io_source(trace: Trace, texts: list[str]) -> str | None:
    """None if nothing was sent. `root` means attributes of the root."""
    places = {hit.place for text in texts for hit in trace.find(text)}
    for place, source in (("root", "root"), ("child", "llm")):
        if place in places:
            return source
    if any("event" in place for place in places):
        return "events"
    return "logs" if places else None


def where(trace: Trace, said: dict[str, Any]) -> dict[str, list[str]]:
    """For readers of the manifest: the attributes that hold the session, the user and the words."""
    sought = {"session": said["session"], "user_id": said["user_id"]}
    sought |= {who: said[who] for who in ("user", "assistant")} | {"tool_result": _result(said)}
    hits = {what: trace.find(text) if text else [] for what, text in sought.items()}
    return {what: sorted({f"{hit.place}: {hit.key}" for hit in found}) for what, found in hits.items() if found}


def _result(said: dict[str, Any]) -> str | None:
    return next((tool["result"] for tool in said["tools"]), None)
