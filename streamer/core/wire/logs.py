"""OTLP logs: events that end a session, GenAI content that older instrumentations log instead of tracing it, and what
users thought of an answer.

Rule: content joins its span by trace and span id. It travels as a fragment of that trace in which a span with the same
ids, in the scope `streamer.logs`, has the logs as its events (an annex; decode.py gives them to the real span). Bytes
are made canonical, so that the same log is the same event whoever wrote it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import stringzilla
from google.protobuf.message import DecodeError

from streamer.core.session_id import clean
from streamer.core.wire.encode import any_value, canonical, pack
from streamer.core.wire.records import Control, SessionEvent
from streamer.core.wire.schema import Body, Event, Head, LogRecord, Request, Scope, Span
from streamer.core.wire.values import readable, unwrap, value_of

ANNEX_SCOPE = pack(Scope(name=b"streamer.logs"))
_MARKERS = (b"gen_ai.", b"session.end", b"session.start")
_CONTENT = ("gen_ai.choice", "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result")
_ENDS: tuple[tuple[SessionEvent, str], ...] = (("session.end", "session.id"), ("session.start", "session.previous_id"))
"""Which attribute of which event names a session that is over."""
_NAME = "event.name"


class Logs(NamedTuple):
    """`annexes`: an export request of spans; b"" if no log tells what was said."""

    annexes: bytes
    controls: list[Control]


def is_log(item: bytes) -> bool:
    """What stands where a request has its spans: a span has its ids in fields 1 and 2, a log record its time, or
    attributes where a span has its kind."""
    try:
        head = Head.FromString(item)
        if head.trace_id or head.span_id:
            return False
        log = LogRecord.FromString(item)
    except DecodeError:
        return False
    return bool(log.time or log.observed or log.event_name or log.attributes)


def may_matter(value: bytes) -> bool:
    """Whether a record holds any event of a kind that is read."""
    return any(stringzilla.find(value, marker) >= 0 for marker in _MARKERS)


def read_logs(parts: Iterable[tuple[bytes, Iterable[bytes]]], tenant_of: Callable[[bytes], str]) -> Logs:
    """`parts`: the log records of each resource, with that resource's bytes."""
    request, controls = Request(), list[Control]()
    for resource, records in parts:
        events: defaultdict[tuple[bytes, bytes], list[bytes]] = defaultdict(list)
        for raw in records:
            _read(raw, tenant_of(resource), events, controls)
        if events:
            scope = request.resource_spans.add(resource=resource).scope_spans.add(scope=ANNEX_SCOPE)
            scope.spans.extend(_annex(ids, found) for ids, found in events.items())
    return Logs(pack(request), controls)


def _read(
    raw: bytes, tenant: str, events: defaultdict[tuple[bytes, bytes], list[bytes]], controls: list[Control]
) -> None:
    try:
        log = LogRecord.FromString(raw)
        attributes = {key: canonical(value) for key, value in readable(log.attributes).items()}
    except DecodeError:
        return
    name = log.event_name.decode("utf-8", "replace") or _text(attributes.pop(_NAME, b""))
    control = _control(name, attributes, tenant)
    if control is not None:
        controls.append(control)
    elif _tells(name) and len(log.trace_id) == 16 and len(log.span_id) == 8:
        event = Event(time=log.time or log.observed, name=name.encode(), attributes=_members(log.body) | attributes)
        events[log.trace_id, log.span_id].append(pack(event))


def _tells(name: str) -> bool:
    return name in _CONTENT or (name.startswith("gen_ai.") and name.endswith(".message"))


def _control(name: str, attributes: Mapping[str, bytes], tenant: str) -> Control | None:
    """A start with `session.previous_id` says that the previous session is over."""
    for event, key in _ENDS:
        if name == event and (ended := clean(value_of(attributes.get(key, b"")))):
            return Control(event, tenant, ended)
    return None


def _text(raw: bytes) -> str:
    value = value_of(raw)
    return value if isinstance(value, str) else ""


def _members(body: bytes) -> dict[str, bytes]:
    """What the body says, as attributes: members of an object, also of one in JSON; `content` for a bare text."""
    try:
        told = Body.FromString(body)
        if told.HasField("pairs"):
            return {key: canonical(value) for key, value in readable(told.pairs.values).items()}
    except DecodeError:
        return {}
    if not told.HasField("string"):
        return {}
    inner = unwrap(told.string.decode("utf-8", "replace"))
    members: dict[str, Any] = inner if isinstance(inner, dict) else {"content": inner}
    return {name.encode("utf-8", "replace").decode(): pack(any_value(value)) for name, value in members.items()}


def _annex(ids: tuple[bytes, bytes], events: Sequence[bytes]) -> bytes:
    trace_id, span_id = ids
    return pack(Span(trace_id=trace_id, span_id=span_id, events=events))
