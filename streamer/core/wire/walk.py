"""A plain request of spans, walked over its bytes: which spans follow each other in one trace, and where.

Why: protobuf would hand out every span as an object of its own, to be put together again. Spans of one trace mostly
stand side by side, and such a run is one slice, heads included.
Rule: only what an encoder writes is walked; anything else is None and is read by the schema, span by span.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire.schema import Bare, ScopeSpans

ID_HEAD, SPAN_ID_HEAD = b"\n\x10", b"\x12\x08"
"""How a span begins: field 1 with 16 bytes, field 2 with 8 bytes. The Collector's ends with field 2, then field 1."""
_NO_TRACE = ID_HEAD + bytes(16)
_SCOPE, _SPAN, _SCHEMA_URL = 0x0A, 0x12, 0x1A
_IDS_BYTES = 28


class WalkedScope(NamedTuple):
    """One ScopeSpans. Every span in it has a trace id and a span id, where its encoder writes them."""

    raw: bytes
    scope: bytes
    size: int
    """Spans."""
    runs: Mapping[bytes, list[bytes]]
    """Trace id → bytes of spans that follow each other, each with its head as field 2."""
    ascending: bool
    """Ids first: so encoders write that go through the fields in order."""

    @property
    def spans(self) -> Sequence[bytes]:
        """The spans one by one, without heads."""
        found: Sequence[bytes] = ScopeSpans.FromString(self.raw).spans
        return found


class WalkedResource(NamedTuple):
    """One ResourceSpans, in the shape that the cut schema gives."""

    resource: bytes
    scope_spans: list[WalkedScope]


def walk(value: bytes) -> list[WalkedResource] | None:
    """The parts of an ExportTraceServiceRequest; None where any of it is unusual, or no spans are in it."""
    try:
        parts: Any = Bare.FromString(value).resource_spans
        walked = [WalkedResource(part.resource, [_scope(raw) for raw in part.scope_spans]) for part in parts]
    except (DecodeError, IndexError, _UnusualError):
        return None
    return walked if any(scope.size for part in walked for scope in part.scope_spans) else None


class _UnusualError(Exception):
    pass


def _scope(raw: bytes) -> WalkedScope:  # noqa: C901
    """One pass; IndexError where the bytes break off. A span costs what the lines here cost: nothing is called."""
    at, end, count, began = 0, len(raw), 0, 0
    scope, trace_id, ascending = b"", b"", False
    runs: dict[bytes, list[bytes]] = {}
    while at < end:
        size, body = raw[at + 1], at + 2
        if size > 0x7F:
            size, body = size & 0x7F | raw[body] << 7, body + 1
            if size > 0x3FFF:
                size, body = _long(raw, body, size)
        behind = body + size
        if raw[at] == _SPAN:
            if not count:
                ascending = raw.startswith(ID_HEAD, body)
            count += 1
            ids, span_id = (body, body + 18) if ascending else (behind - 18, behind - 28)
            if size < _IDS_BYTES or raw[span_id : span_id + 2] != SPAN_ID_HEAD:
                raise _UnusualError
            if raw[ids : ids + 18] != trace_id:
                _keep(runs, trace_id, raw[began:at])
                trace_id, began = raw[ids : ids + 18], at
        else:
            _keep(runs, trace_id, raw[began:at])
            trace_id = b""
            if raw[at] == _SCOPE:
                scope = raw[body:behind]
            elif raw[at] != _SCHEMA_URL:
                raise _UnusualError
        at = behind
    if at != end:
        raise _UnusualError
    _keep(runs, trace_id, raw[began:])
    return WalkedScope(raw, scope, count, runs, ascending)


def _keep(runs: dict[bytes, list[bytes]], trace_id: bytes, run: bytes) -> None:
    """A run that ends here; `trace_id` with its head, b"" before the first span and behind what is none."""
    if not trace_id:
        return
    if not trace_id.startswith(ID_HEAD) or trace_id == _NO_TRACE:
        raise _UnusualError
    runs.setdefault(trace_id[2:], []).append(run)


def _long(raw: bytes, at: int, low: int) -> tuple[int, int]:
    """A length of three bytes, whose first two are read, and where it ends."""
    high = raw[at]
    if high > 0x7F:
        raise _UnusualError
    return low & 0x3FFF | high << 14, at + 1
