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
from streamer.core.wire.frames import decompress
from streamer.core.wire.logs import ANNEX_SCOPE
from streamer.core.wire.values import value_of


class Attributes(Mapping[str, Any]):
    """Attributes as Python values (values.value_of), decoded on access."""

    __slots__ = ("_raw", "names")

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        self._raw = raw
        self.names = frozenset(raw)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        if key not in self.names:  # a protobuf map would say b""
            raise KeyError(key)
        return value_of(self._raw[key])

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        return value_of(self._raw[key]) if key in self.names else default

    def __contains__(self, key: object) -> bool:
        return key in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Span:
    """A span as read. Ids are lowercase hex, `parent_id` is "" for a root; times are Unix ns, 0 where unknown."""

    def __init__(
        self,
        read: Any,  # noqa: ANN401
        attributes: Attributes,
        resource: Attributes,
        logged: Set[bytes] = frozenset(),
    ) -> None:
        parent = read.parent_span_id
        self._read = read
        self._logged = logged
        self.trace_id: str = read.trace_id.hex()
        self.span_id: str = read.span_id.hex()
        self.parent_id: str = "" if parent in _NO_PARENT else parent.hex()
        self.start_ns: int = read.start
        self.end_ns: int = read.end
        self.attributes = attributes
        self.resource = resource

    @cached_property
    def name(self) -> str:
        return str(self._read.name.decode("utf-8", "replace"))

    @property
    def is_error(self) -> bool:
        return bool(self._read.status.code == 2)

    @property
    def has_events(self) -> bool:
        return bool(self._read.events or self._logged)

    @property
    def has_logged_events(self) -> bool:
        """Some of its events came as logs."""
        return bool(self._logged)

    def events(self) -> Iterator[tuple[str, Attributes]]:
        """(name, attributes) of each event that can be read; in order of time where logs tell some of them."""
        found = [event for raw in self._read.events if (event := _event(raw))]
        if self._logged:
            found += [event for raw in sorted(self._logged) if (event := _event(raw))]
            found.sort(key=lambda event: event.time)
        for event in found:
            try:
                yield event.name.decode("utf-8", "replace"), Attributes(event.attributes)
            except UnicodeDecodeError:
                continue


def _event(raw: bytes) -> Any:  # noqa: ANN401
    try:
        return schema.Event.FromString(raw)
    except DecodeError:
        return None


_NO_PARENT = (b"", bytes(8))
_NOTHING: Set[bytes] = frozenset()


class _Version(NamedTuple):
    """A span as one fragment has it."""

    read: Any
    body: bytes
    resource: Attributes
    resource_raw: bytes

    def rank(self) -> tuple[bool, int, int, bytes, bytes]:
        return self.read.end > 0, self.read.end, len(_attributes(self.read, self.body)), self.body, self.resource_raw


def decode(frames: Sequence[bytes]) -> list[Span]:
    """Spans of all fragments, united, by (start, span id). Never raises; what is no span of a trace is left out."""
    best: dict[bytes, _Version] = {}
    logged: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for frame in frames:
        raw = decompress(frame)
        if raw is None:
            continue
        try:
            part = schema.ResourceSpans.FromString(raw)
        except DecodeError:
            continue
        _unite(part, best, logged)
    spans = [
        Span(read, _attributes(read, body), resource, logged.get(name, _NOTHING))
        for name, (read, body, resource, _) in best.items()
    ]
    if len(spans) > 1:
        spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return spans


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


def _attributes(read: Any, body: bytes) -> Attributes:  # noqa: ANN401
    try:
        return Attributes(read.attributes)
    except UnicodeDecodeError:
        pairs = schema.SpanPairs.FromString(body).attributes
        return Attributes({pair.key.decode("utf-8", "replace"): pair.value for pair in pairs})


def _resource(raw: bytes) -> Attributes:
    try:
        return Attributes(schema.Resource.FromString(raw).attributes)
    except (DecodeError, UnicodeDecodeError):
        return Attributes({})
