"""A Kafka record's bytes into fragments: the spans of one trace in one ResourceSpans, compressed (design 2).

Rule: spans are moved, never read. Of each only the first bytes are looked at (trace id and the span id's length);
everything else is a search over whole slices. No bytes make it raise; one bad span costs itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import stringzilla
import xxhash
from google.protobuf.message import DecodeError

from streamer.core.session_id import is_trace_id
from streamer.core.wire import varint
from streamer.core.wire.frames import compressor
from streamer.core.wire.records import Cut, Fragment, Problem, ProblemReason, Record
from streamer.core.wire.rules import GENAI_MARKERS, JUDGE_KEY, CutRules
from streamer.core.wire.salvage import salvage
from streamer.core.wire.scan import AnyOrder, Scan, tagged
from streamer.core.wire.schema import Head, Request, Resource, Scope
from streamer.core.wire.values import value_of

__all__ = ["CutRules", "Cutter"]

_TRACE_ID = slice(2, 18)
_ID_HEAD, _SPAN_ID_HEAD = b"\n\x10", b"\x12\x08"
"""How a span begins: field 1 with 16 bytes, field 2 with 8 bytes. The Collector's ends with field 2, then field 1."""
_FIRST, _LAST = slice(0, 20), slice(-18, None)
"""Where the trace id stands, for grouping: with field 2's head behind it, or at the very end."""
_SPAN_ID_HEAD_LAST = slice(-28, -26)
_NO_TRACE = bytes(16)
_FIELD_2 = varint.Repeated(b"\x12")
"""Spans in ScopeSpans, and ScopeSpans in ResourceSpans."""
_JUDGE = tagged(JUDGE_KEY)


class _Order(NamedTuple):
    """In which order an encoder writes fields, and how to look for things in it."""

    ids: slice
    sessions: Scan
    ends: Scan


class _Sought(NamedTuple):
    """What is worth looking for in the slices of one record."""

    order: _Order
    sessions: Sequence[Any]
    ends: Sequence[Any]
    judge: bool


class _Heap:
    """What is gathered from one record."""

    def __init__(self) -> None:
        self.fragments: list[Fragment] = []
        self.problems: list[Problem] = []
        self.spans = self.judges = self.unlisted = self.no_ids = 0


class Cutter:
    """Cuts records by fixed rules. One per thread: its compressor is used again and again."""

    def __init__(self, rules: CutRules) -> None:
        self._rules = rules
        self._compress = compressor().compress
        keys, ends = rules.session_keys, rules.end_keys
        self._ascending = _Order(_FIRST, Scan.for_sessions(keys), Scan.for_ends(ends))
        self._any_order = _Order(_LAST, AnyOrder.for_sessions(keys), AnyOrder.for_ends(ends))

    def cut(self, record: Record) -> Cut:
        """Never raises. A tombstone and what no rule keeps are out of scope, never a problem."""
        value = record.value
        if not value:
            return Cut([], [], 0, "tombstone")
        if len(value) > self._rules.value_bytes_max:
            return _failed("too_large", f"{len(value)} bytes", 0)
        heap = _Heap()
        try:
            parts = Request.FromString(value).resource_spans
        except DecodeError:
            saved = salvage(value)
            parts = saved.resource_spans
            heap.problems.append(Problem("truncated", "the record ends or breaks off here", saved.broken_at))
        if not parts:
            return _failed("unreadable" if heap.problems else "no_spans", "no resource_spans", 0)
        sought = self._seek(value, parts)
        if self._rules.keep == "genai" and not (sought.sessions or sought.ends or _is_genai(value)):
            return Cut([], heap.problems, 0, "no_genai_key")
        tenant = self._tenant(record)
        for part in parts:
            self._cut_part(tenant, part, sought, heap)
        return _result(heap)

    def _seek(self, value: bytes, parts: Iterable[Any]) -> _Sought:
        """Whoever writes ids first writes keys first."""
        firsts = (scope_spans.spans[0] for part in parts for scope_spans in part.scope_spans if scope_spans.spans)
        order = self._ascending if all(span.startswith(_ID_HEAD) for span in firsts) else self._any_order
        judge = stringzilla.find(value, _JUDGE) >= 0
        return _Sought(order, order.sessions.present(value), order.ends.present(value), judge)

    def _tenant(self, record: Record) -> str:
        for name, value in record.headers if self._rules.tenant_header else ():
            if name == self._rules.tenant_header and value:
                return value.decode("utf-8", "replace")
        return self._rules.tenant

    def _cut_part(self, tenant: str, part: Any, sought: _Sought, heap: _Heap) -> None:  # noqa: ANN401
        """One ResourceSpans, of the cut schema or salvaged."""
        resource: bytes = part.resource
        if sought.judge and _JUDGE in resource:
            heap.judges += 1
            return
        head = varint.delimited(b"\n", resource)
        slices: dict[bytes, list[bytes]] = {}
        service = self._rules.keep == "listed" and _service_of(resource) in self._rules.services
        for scope_spans in part.scope_spans:
            if self._rules.keep == "listed" and not service and _name_of(scope_spans.scope) not in self._rules.scopes:
                heap.unlisted += 1
                continue
            self._gather(scope_spans, sought, head, slices, heap)
        for trace_id, pieces in slices.items():
            heap.fragments.append(self._fragment(tenant, trace_id, b"".join(pieces), sought))

    def _gather(
        self,
        scope_spans: Any,  # noqa: ANN401
        sought: _Sought,
        head: bytes,
        slices: dict[bytes, list[bytes]],
        heap: _Heap,
    ) -> None:
        """Spans of one scope by trace, each group as the bytes of a ScopeSpans behind the resource's."""
        groups: defaultdict[bytes, list[bytes]] = defaultdict(list)
        spans: Iterable[bytes] = scope_spans.spans
        if sought.judge:
            kept = [span for span in spans if _JUDGE not in span]
            heap.judges += len(scope_spans.spans) - len(kept)
            spans = kept
        where = sought.order.ids
        for span in spans:
            groups[span[where]].append(span)
        scope = varint.delimited(b"\n", scope_spans.scope)
        for ids, members in _by_trace(groups, heap).items():
            heap.spans += len(members)
            pieces = [scope]
            _FIELD_2.add(members, pieces)
            slices.setdefault(ids, [head]).extend((_FIELD_2.head(sum(map(len, pieces))), *pieces))

    def _fragment(self, tenant: str, trace_id: bytes, raw: bytes, sought: _Sought) -> Fragment:
        name = trace_id.hex()
        found = sought.order.sessions.values(raw, sought.sessions) if sought.sessions else ()
        candidates = tuple(sorted([c for c in found if not is_trace_id(c, name)]))
        ends = bool(sought.ends) and bool(sought.order.ends.values(raw, sought.ends))
        frame = self._compress(raw)
        return Fragment(tenant, name, xxhash.xxh3_128_digest(frame), frame, candidates, ends)


def _by_trace(groups: dict[bytes, list[bytes]], heap: _Heap) -> dict[bytes, list[bytes]]:
    """Groups whose bytes are ids keep them; the rest is read one by one."""
    traces: dict[bytes, list[bytes]] = {}
    for ids, members in groups.items():
        trace_id = ids[_TRACE_ID]
        if ids[:2] == _ID_HEAD and trace_id != _NO_TRACE and _have_span_ids(ids, members):
            if trace_id in traces:
                traces[trace_id] += members
            else:
                traces[trace_id] = members
            continue
        for span in members:
            read = _trace_id_of(span, heap)
            if read is not None:
                traces.setdefault(read, []).append(span)
    return traces


def _have_span_ids(ids: bytes, members: Sequence[bytes]) -> bool:
    if len(ids) > 18:
        return ids[18:] == _SPAN_ID_HEAD
    for span in members:  # noqa: SIM110 – a generator costs twice as much, and this is done for every span
        if span[_SPAN_ID_HEAD_LAST] != _SPAN_ID_HEAD:
            return False
    return True


def _trace_id_of(span: bytes, heap: _Heap) -> bytes | None:
    """Fields in an unusual order, or ids that are none."""
    try:
        head = Head.FromString(span)
    except DecodeError:
        heap.problems.append(Problem("bad_span", f"{len(span)} bytes that are no span", -1))
        return None
    trace_id, span_id = bytes(head.trace_id), bytes(head.span_id)
    if len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE:
        return trace_id
    heap.no_ids += not trace_id and not span_id
    detail = f"trace id of {len(trace_id)} bytes, span id of {len(span_id)}"
    heap.problems.append(Problem("bad_span", detail, -1))
    return None


def _is_genai(value: bytes) -> bool:
    return any(stringzilla.find(value, marker) >= 0 for marker in GENAI_MARKERS)


def _service_of(resource: bytes) -> str:
    try:
        raw = Resource.FromString(resource).attributes["service.name"]
    except (DecodeError, UnicodeDecodeError):
        return ""
    return str(value_of(raw) or "")


def _name_of(scope: bytes) -> str:
    try:
        return str(Scope.FromString(scope).name.decode("utf-8", "replace"))
    except DecodeError:
        return ""


def _failed(reason: ProblemReason, detail: str, offset: int) -> Cut:
    return Cut([], [Problem(reason, detail, offset)], 0)


def _result(heap: _Heap) -> Cut:
    if heap.fragments:
        return Cut(heap.fragments, heap.problems, heap.spans)
    if heap.problems:
        if heap.no_ids == len(heap.problems):  # logs and metrics have the same outer shape as traces
            return _failed("no_spans", "nothing in it has a trace id or a span id", 0)
        if heap.problems[0].reason == "truncated" and len(heap.problems) == 1:
            return _failed("unreadable", "broken, and no whole span in it", heap.problems[0].offset)
        return Cut([], heap.problems, 0)
    rule = "own_judge" if heap.judges else "not_listed" if heap.unlisted else "empty"
    return Cut([], [], 0, rule)
