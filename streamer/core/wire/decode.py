"""Compressed fragments of one trace into its spans.

Rule: spans are a set. Of two versions of a span the greater by (has an end, end, number of attributes, bytes) stands,
whatever the order in which fragments come. What logs say of a span (an annex, logs.py) joins its events, each once,
and is no span of its own. Attributes are decoded when they are asked for: most never are, so the parsed map is kept as
it is and only the set of its names is made.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire import schema
from streamer.core.wire.caps import Caps, shortened, within
from streamer.core.wire.encode import pack
from streamer.core.wire.frames import decompress
from streamer.core.wire.logs import ANNEX_SCOPE
from streamer.core.wire.values import only_text, readable, value_of

CAPS = Caps()


class Attributes(Mapping[str, Any]):
    """Attributes as Python values (values.value_of), decoded on access."""

    __slots__ = ("_raw", "names")

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        self._raw = raw
        self.names = frozenset(raw)
        """To look names up in; one that is not UTF-8 is bytes here. Whoever goes through them iterates over self."""

    def within(self, bytes_max: int) -> "Attributes":
        """These, or others with texts cut to the cap."""
        short = shortened(own := readable(self._raw), bytes_max)
        return self if short is own else Attributes(short)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        if key not in self.names:  # a protobuf map would say b""
            raise KeyError(key)
        return value_of(self._raw[key])

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        return value_of(self._raw[key]) if key in self.names else default

    def __contains__(self, key: object) -> bool:
        return key in self.names

    def __iter__(self) -> Iterator[str]:
        return only_text(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Span:
    """A span as read. Ids are lowercase hex, `parent_id` is "" for a root; times are Unix ns, 0 where unknown."""

    # Of the class, since most spans have neither.
    logged: Set[bytes] = frozenset()
    """Events that logs tell of it."""
    truncated = False
    """Something of it, or other spans of its trace, went over the caps."""

    def __init__(self, read: Any, attributes: Attributes, resource: Attributes) -> None:  # noqa: ANN401
        parent = read.parent_span_id
        self._read = read
        self.trace_id: str = read.trace_id.hex()
        self.span_id: str = read.span_id.hex()
        self.parent_id: str = "" if parent in _NO_PARENT else parent.hex()
        self.start_ns: int = read.start
        self.end_ns: int = read.end
        self.attributes = attributes
        self.resource = resource

    @cached_property
    def name(self) -> str:
        return str(self._read.name[:_NAME_BYTES_MAX].decode("utf-8", "replace"))

    @property
    def is_error(self) -> bool:
        return bool(self._read.status.code == 2)

    @property
    def has_events(self) -> bool:
        return bool(self._read.events or self.logged)

    @property
    def has_logged_events(self) -> bool:
        """Some of its events came as logs."""
        return bool(self.logged)

    def events(self) -> Iterator[tuple[str, Attributes]]:
        """(name, attributes) of each event that can be read; in order of time where logs tell some of them."""
        found = [event for raw in self._read.events if (event := _event(raw))]
        if self.logged:
            found += [event for raw in sorted(self.logged) if (event := _event(raw))]
            found.sort(key=lambda event: event.time)
        for event in found:
            yield event.name.decode("utf-8", "replace"), Attributes(event.attributes)

    def events_named(self, name: str) -> Iterator[Attributes]:
        """Attributes of the events of this name. Others are not even parsed: there may be a whole conversation."""
        sought = name.encode()
        for raw in (*self._read.events, *sorted(self.logged)):
            if sought in raw and (event := _event(raw)) and event.name == sought:
                yield Attributes(event.attributes)


def _event(raw: bytes) -> Any:  # noqa: ANN401
    try:
        return schema.Event.FromString(raw)
    except DecodeError:
        return None


_NAME_BYTES_MAX = 1024
_NO_PARENT = (b"", bytes(8))
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
    found = _united(frames, caps)
    if found.size > caps.bytes:
        found = _united(within(frames, caps), caps)
        found.cut = True
    best, logged = found.best, found.logged
    if found.cut or logged or found.longest > caps.text_bytes:
        spans = [_span(version, logged.get(name, _NOTHING), caps, found.cut) for name, version in best.items()]
    else:
        spans = [Span(read, Attributes(read.attributes), resource) for read, body, resource, _ in best.values()]
    if len(spans) > 1:
        spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return spans


def only_logged(frames: Sequence[bytes], caps: Caps = CAPS) -> list[Span]:
    """Spans that logs tell of and that are not there, because they were swept: nothing but their events."""
    found = _united(frames, caps)
    spans = [Span(schema.Span(), Attributes({}), Attributes({})) for _ in range(len(found.logged))]
    for span, (name, events) in zip(spans, sorted(found.logged.items()), strict=True):
        span.logged = _NOTHING if name in found.best else frozenset(events)
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
        return read.parent_span_id not in _NO_PARENT, read.start, name

    for name in sorted(best, key=order)[spans_max:]:
        del best[name]


def _span(version: _Version, logged: Set[bytes], caps: Caps, cut: bool) -> Span:
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
    span = Span(read, attributes, resource)
    span.logged, span.truncated = logged, cut
    return span


def _short(raw: bytes, bytes_max: int) -> bytes:
    """An event with its texts within the cap."""
    event = _event(raw) if len(raw) > bytes_max else None
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
