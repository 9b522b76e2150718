"""Compressed fragments of one trace into its spans.

Rule: spans are a set. Of two versions of a span the greater by (has an end, end, number of attributes, bytes) stands,
whatever the order in which fragments come. What logs say of a span (an annex, logs.py) joins its events, each once,
and is no span of its own.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire import schema
from streamer.core.wire.caps import Caps, shortened, within
from streamer.core.wire.encode import pack
from streamer.core.wire.frames import decompress
from streamer.core.wire.logs import ANNEX_SCOPE
from streamer.core.wire.span import NO_PARENT, Attributes, Span, event_of
from streamer.core.wire.values import readable

CAPS = Caps()
_NOTHING: Set[bytes] = frozenset()


class _Version(NamedTuple):
    """A span as one fragment has it."""

    read: Any
    body: bytes
    resource: Attributes
    resource_raw: bytes

    def rank(self) -> tuple[bool, int, int, bytes, bytes]:
        return self.read.end > 0, self.read.end, len(Attributes(self.read.attributes)), self.body, self.resource_raw


def decode(frames: Sequence[bytes], caps: Caps = CAPS) -> list[Span]:
    """Spans of all fragments, united, by (start, span id). Never raises; what is no span of a trace is left out, and
    so is what goes over the caps: spans that begin last first, but for the roots."""
    spans = _plain(frames, caps)
    if spans is None:
        spans = _united_spans(frames, caps)
    if len(spans) > 1:
        spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return spans


def _plain(frames: Sequence[bytes], caps: Caps) -> list[Span] | None:
    """The same in one parse a fragment, for traces as most are: each span once, all well-formed, nothing from logs,
    nothing near a cap. None for any other."""
    spans: dict[bytes, Span] = {}
    size = 0
    for frame in frames:
        raw = decompress(frame)
        if raw is None:
            continue
        size += len(raw)
        if len(raw) > caps.text_bytes or size > caps.bytes:
            return None
        try:
            part = schema.Trace.FromString(raw)
        except DecodeError:
            return None
        resource = _resource(part.resource)
        for scope_spans in part.scope_spans:
            if scope_spans.scope == ANNEX_SCOPE:
                return None
            for read in scope_spans.spans:
                trace_id, span_id = read.trace_id, read.span_id
                if len(trace_id) != 16 or len(span_id) != 8:
                    continue
                name = trace_id + span_id
                if name in spans:
                    return None
                spans[name] = Span(name, read, Attributes(read.attributes), resource)
    return list(spans.values()) if len(spans) <= caps.spans else None


def _united_spans(frames: Sequence[bytes], caps: Caps) -> list[Span]:
    """Any trace: the best version of each span, what logs say of it, and as much as the caps allow."""
    found = _united(frames, caps)
    if found.size > caps.bytes:
        found = _united(within(frames, caps), caps)
        found.cut = True
    best, logged = found.best, found.logged
    if found.cut or logged or found.longest > caps.text_bytes:
        return [_span(name, version, logged.get(name, _NOTHING), caps, found.cut) for name, version in best.items()]
    return [Span(name, one.read, Attributes(one.read.attributes), one.resource) for name, one in best.items()]


def only_logged(frames: Sequence[bytes], caps: Caps = CAPS) -> list[Span]:
    """Spans that logs tell of and that are not there, because they were swept: nothing but their events."""
    found = _united(frames, caps)
    spans = []
    for name, events in sorted(found.logged.items()):
        span = Span(name, schema.Span(), Attributes({}), Attributes({}))
        span.logged = _NOTHING if name in found.best else frozenset(events)
        spans.append(span)
    return spans


class _United:
    """Fragments of one trace, as far as they were read: the best version of each span, by trace and span id."""

    def __init__(self) -> None:
        self.best: dict[bytes, _Version] = {}
        self.logged: defaultdict[bytes, set[bytes]] = defaultdict(set)
        self.size = self.longest = 0
        self.cut = False


def _united(frames: Sequence[bytes], caps: Caps) -> _United:
    """All fragments, or as many as make the size go over its cap."""
    found = _United()
    for frame in frames:
        raw = decompress(frame)
        if raw is None:
            continue
        found.size += len(raw)
        found.longest = max(found.longest, len(raw))
        if found.size > caps.bytes:
            return found
        try:
            part = schema.ResourceSpans.FromString(raw)
        except DecodeError:
            continue
        _unite(part, found.best, found.logged)
        if len(found.best) > 2 * caps.spans:
            _leave_out(found, caps.spans)
    if len(found.best) > caps.spans:
        _leave_out(found, caps.spans)
    return found


def _unite(part: Any, best: dict[bytes, _Version], logged: defaultdict[bytes, set[bytes]]) -> None:  # noqa: ANN401
    resource_raw = part.resource
    resource = _resource(resource_raw)
    for scope_spans in part.scope_spans:
        is_annex = scope_spans.scope == ANNEX_SCOPE
        for body in scope_spans.spans:
            try:
                read = schema.Span.FromString(body)
            except DecodeError:
                continue
            trace_id, span_id = read.trace_id, read.span_id
            if len(trace_id) != 16 or len(span_id) != 8:
                continue
            name = trace_id + span_id
            if is_annex:
                logged[name].update(read.events)
                continue
            known = best.get(name)
            if known is not None and known.body == body and known.resource_raw == resource_raw:
                continue
            version = _Version(read, body, resource, resource_raw)
            if known is None or version.rank() > known.rank():
                best[name] = version


def _leave_out(found: _United, spans_max: int) -> None:
    best, found.cut = found.best, True

    def order(name: bytes) -> tuple[bool, int, bytes]:
        read = best[name].read
        return read.parent_span_id not in NO_PARENT, read.start, name

    for name in sorted(best, key=order)[spans_max:]:
        del best[name]


def _span(name: bytes, version: _Version, logged: Set[bytes], caps: Caps, cut: bool) -> Span:
    read, body, resource, resource_raw = version
    attributes = Attributes(read.attributes)
    bytes_max = caps.text_bytes
    if len(body) > bytes_max or len(resource_raw) > bytes_max or any(len(raw) > bytes_max for raw in logged):
        own, around = attributes.within(bytes_max), resource.within(bytes_max)
        events, said = [_short(raw, bytes_max) for raw in read.events], frozenset(_short(r, bytes_max) for r in logged)
        cut = cut or own is not attributes or around is not resource or said != logged or events != list(read.events)
        del read.events[:]
        read.events.extend(events)
        attributes, resource, logged = own, around, said
    span = Span(name, read, attributes, resource)
    span.logged, span.truncated = logged, cut
    return span


def _short(raw: bytes, bytes_max: int) -> bytes:
    """An event with its texts within the cap."""
    event = event_of(raw) if len(raw) > bytes_max else None
    if event is None:
        return raw
    own = readable(event.attributes)
    short = shortened(own, bytes_max)
    if short is own:
        return raw
    return pack(schema.Event(time=event.time, name=event.name, attributes=dict(short)))


def _resource(raw: bytes) -> Attributes:
    try:
        return Attributes(schema.Resource.FromString(raw).attributes)
    except DecodeError:
        return Attributes({})
