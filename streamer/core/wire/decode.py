"""Compressed fragments of one trace into its spans.

Rule: spans are a set. Of two versions of a span the greater by (has an end, end, number of attributes, bytes) stands,
whatever the order in which fragments come. Attributes are decoded when they are asked for: most never are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire import schema
from streamer.core.wire.frames import decompress
from streamer.core.wire.values import value_of


class Attributes(Mapping[str, Any]):
    """Attributes as Python values (values.value_of), decoded on access."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return value_of(self._raw[key])

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        raw = self._raw.get(key)
        return default if raw is None else value_of(raw)

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Span(NamedTuple):
    """A span as read. Ids are lowercase hex, `parent_id` is "" for a root; times are Unix ns, 0 where unknown."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: Attributes
    raw_events: tuple[bytes, ...]
    resource: Attributes

    def events(self) -> Iterator[tuple[str, Attributes]]:
        """(name, attributes) of each event that can be read."""
        for raw in self.raw_events:
            try:
                event = schema.Event.FromString(raw)
                yield event.name.decode("utf-8", "replace"), Attributes(dict(event.attributes))
            except (DecodeError, UnicodeDecodeError):
                continue


_NO_PARENT = (b"", bytes(8))

_Rank = tuple[bool, int, int, bytes, bytes]


def decode(frames: Sequence[bytes]) -> list[Span]:
    """Spans of all fragments, united, by (start, span id). Never raises; what is no span of a trace is left out."""
    best: dict[tuple[str, str], tuple[_Rank, Span]] = {}
    for frame in frames:
        raw = decompress(frame)
        if raw is None:
            continue
        try:
            part = schema.ResourceSpans.FromString(raw)
        except DecodeError:
            continue
        resource = Attributes(_resource(part.resource))
        for scope_spans in part.scope_spans:
            for body in scope_spans.spans:
                span = _span(body, resource)
                if span is None:
                    continue
                rank = (span.end_ns > 0, span.end_ns, len(span.attributes), body, part.resource)
                name = (span.trace_id, span.span_id)
                if name not in best or rank > best[name][0]:
                    best[name] = (rank, span)
    return sorted((span for _, span in best.values()), key=lambda span: (span.start_ns, span.span_id))


def _span(body: bytes, resource: Attributes) -> Span | None:
    try:
        read = schema.Span.FromString(body)
    except DecodeError:
        return None
    if len(read.trace_id) != 16 or len(read.span_id) != 8:
        return None
    return Span(
        read.trace_id.hex(),
        read.span_id.hex(),
        "" if read.parent_span_id in _NO_PARENT else read.parent_span_id.hex(),
        read.name.decode("utf-8", "replace"),
        read.start,
        read.end,
        read.status.code == 2,
        Attributes(_pairs(read, body)),
        tuple(read.events),
        resource,
    )


def _pairs(read: Any, body: bytes) -> dict[str, bytes]:  # noqa: ANN401
    try:
        return dict(read.attributes)
    except UnicodeDecodeError:
        pairs = schema.SpanPairs.FromString(body).attributes
        return {pair.key.decode("utf-8", "replace"): pair.value for pair in pairs}


def _resource(raw: bytes) -> dict[str, bytes]:
    try:
        return dict(schema.Resource.FromString(raw).attributes)
    except (DecodeError, UnicodeDecodeError):
        return {}
