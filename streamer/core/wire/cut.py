"""A Kafka record's bytes into fragments: the spans of one trace in one ResourceSpans, compressed (design 2).

Rule: spans are moved, never read. Of each only the first bytes are looked at (trace id and the span id's length);
everything else is a search over whole slices. No bytes make it raise; one bad span costs itself. What is no plain OTLP
protobuf is opened first (containers); what holds logs is read (logs).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import stringzilla
import xxhash
from google.protobuf.message import DecodeError

from streamer.core.session_id import clean, is_trace_id
from streamer.core.wire import varint
from streamer.core.wire.bounds import holds_too_much
from streamer.core.wire.by_trace import by_trace
from streamer.core.wire.containers import OTLP_TAG, Limits, open_value
from streamer.core.wire.containers.opening import Ended
from streamer.core.wire.fallbacks import attribute_of, attributes_of, named_by, session_of
from streamer.core.wire.frames import compressor
from streamer.core.wire.gathered import Heap, failed
from streamer.core.wire.logs import ANNEX_SCOPE, is_log, may_matter, read_logs
from streamer.core.wire.records import Control, Cut, Fragment, Problem, Record
from streamer.core.wire.rules import GENAI_MARKERS, JUDGE_KEY, CutRules
from streamer.core.wire.salvage import salvage
from streamer.core.wire.scan import OF_EVENT, OF_SPAN, AnyOrder, Scan, tagged
from streamer.core.wire.schema import Request, Scope
from streamer.core.wire.walk import ID_HEAD, WalkedScope, walk

__all__ = ["CutRules", "Cutter"]

_FIRST, _LAST = slice(0, 20), slice(-18, None)
"""Where the trace id stands, for grouping: with field 2's head behind it, or at the very end."""
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

    def names(self, resource: bytes) -> bool:
        """Whether a resource may name a session."""
        return any(needle.key in resource for needle in self.sessions)


class Cutter:
    """Cuts records by fixed rules. One per thread: its compressor is used again and again."""

    def __init__(self, rules: CutRules) -> None:
        self.rules = rules
        self._plain = rules.encoding in ("auto", "otlp_proto")
        self._compress = compressor().compress
        keys, ends = rules.session_keys, rules.end_keys
        self._ascending = _Order(_FIRST, Scan.for_sessions(keys), Scan.for_ends(ends))
        self._annexed = self._ascending._replace(sessions=Scan.for_sessions(keys, OF_SPAN + OF_EVENT))
        self._any_order = _Order(_LAST, AnyOrder.for_sessions(keys), AnyOrder.for_ends(ends))

    def cut(self, record: Record) -> Cut:
        """Never raises. A tombstone and what no rule keeps are out of scope, never a problem."""
        value = record.value
        if not value:
            return Cut([], [], 0, "tombstone")
        if len(value) > self.rules.value_bytes_max:
            return failed("too_large", f"{len(value)} bytes", 0)
        if holds_too_much(value):
            return failed("too_large", "more spans, scopes and resources than any exporter writes", 0)
        heap = Heap()
        plain = self._plain and value[0] == OTLP_TAG
        if plain and (walked := walk(value)):
            ascending = all(scope.ascending for part in walked for scope in part.scope_spans if scope.size)
            self._cut_spans(record, value, walked, ascending, heap)
            return heap.result()
        parts = _parsed(value) if plain else None
        if not parts or next(_firsts(parts), None) is None:
            return self._cut_opened(record, value)
        self._cut_request(record, value, parts, heap)
        return heap.result()

    def _cut_opened(self, record: Record, value: bytes) -> Cut:
        """What is wrapped, written in JSON, broken, or none of ours."""
        limits = Limits(self.rules.value_bytes_max, self.rules.unpacked_bytes_max)
        opened = open_value(value, record.headers, self.rules.encoding, limits)
        heap = Heap()
        for problem in opened.problems:
            heap.add(problem)
        for said in opened.ended:
            self._end(record, said, heap)
        for request in opened.requests:
            parts = _parsed(request)
            if parts is None:
                saved = salvage(request)
                parts = saved.resource_spans
                heap.add(Problem("truncated", "the record ends or breaks off here", saved.broken_at))
            self._cut_request(record, request, parts, heap)
        return heap.result()._replace(tried=opened.tried)

    def _cut_request(
        self, record: Record, value: bytes, parts: Sequence[Any], heap: Heap, listed: bool = False
    ) -> None:
        """An export request, of spans or of logs. `listed`: services and scopes were asked for already."""
        ascending = all(span.startswith(ID_HEAD) for span in _firsts(parts))
        if not ascending and all(map(is_log, _firsts(parts))):
            self._cut_logs(record, value, parts, heap)
        else:
            self._cut_spans(record, value, parts, ascending, heap, listed)

    def _cut_spans(
        self, record: Record, value: bytes, parts: Sequence[Any], ascending: bool, heap: Heap, listed: bool = False
    ) -> None:
        order = self._ascending if ascending else self._any_order
        if stringzilla.find(value, ANNEX_SCOPE) >= 0:  # what logs tell of a span are events there
            order = self._annexed
        sought = self._seek(value, order)
        if self.rules.keep == "genai" and not (sought.sessions or sought.ends or _is_genai(value)):
            heap.rule = "no_genai_key"
            return
        for part in parts:
            self._cut_part(record, part, sought, heap, listed)

    def _cut_logs(self, record: Record, value: bytes, parts: Sequence[Any], heap: Heap) -> None:
        if not may_matter(value):
            heap.rule = "other_logs"
            return
        kept = [(part.resource, [log for scope in self._kept(part, heap) for log in scope.spans]) for part in parts]
        logs = read_logs(kept, lambda resource: self._tenant(record, resource))
        heap.controls += logs.controls
        annexes, spans = _parsed(logs.annexes), heap.spans
        if annexes:
            self._cut_request(record, logs.annexes, annexes, heap, listed=True)
            heap.spans = spans  # an annex is no span
        elif not logs.controls:
            heap.rule = "other_logs"

    def _end(self, record: Record, said: Ended, heap: Heap) -> None:
        """A control record may name a tenant where spans may, and nowhere another one than its topic's."""
        tenant = self._tenant(record, b"")
        if said.tenant not in (None, tenant):
            if not self.rules.tenant_resource:
                return heap.add(Problem("unreadable", "a control record for another tenant than its topic's", 0))
            tenant = said.tenant or tenant
        return heap.controls.append(Control("session.end", tenant, said.session_id, said.at_ms))

    def _seek(self, value: bytes, order: _Order) -> _Sought:
        """Whoever writes ids first writes keys first."""
        judge = stringzilla.find(value, _JUDGE) >= 0
        return _Sought(order, order.sessions.present(value), order.ends.present(value), judge)

    def _tenant(self, record: Record, resource: bytes) -> str:
        if (own := self.rules.tenant_resource) and (named := clean(attribute_of(resource, own))):
            return named
        for name, value in record.headers if self.rules.tenant_header else ():
            if name == self.rules.tenant_header and value:
                return value.decode("utf-8", "replace")
        return self.rules.tenant

    def _session_behind(self, record: Record, resource: bytes, sought: _Sought) -> str | None:
        """The session that the resource names or, where none is, the record."""
        names, fallbacks = sought.names(resource), self.rules.session_fallbacks
        if not (names or fallbacks):
            return None
        attributes = attributes_of(resource)
        named = named_by(attributes, self.rules.session_keys) if names else None
        return named or session_of(record, attributes, fallbacks)

    def _kept(self, part: Any, heap: Heap) -> Iterable[Any]:  # noqa: ANN401
        """The scopes of one resource that the rules ask for."""
        if self.rules.keep != "listed" or _service_of(part.resource) in self.rules.services:
            every: Iterable[Any] = part.scope_spans
            return every
        kept = [scope for scope in part.scope_spans if _name_of(scope.scope) in self.rules.scopes]
        heap.unlisted += len(part.scope_spans) - len(kept)
        return kept

    def _cut_part(self, record: Record, part: Any, sought: _Sought, heap: Heap, listed: bool) -> None:  # noqa: ANN401
        """One ResourceSpans, of the cut schema or salvaged."""
        resource: bytes = part.resource
        if sought.judge and _JUDGE in resource:
            heap.judges += 1
            return
        head = varint.delimited(b"\n", resource)
        slices: dict[bytes, list[bytes]] = {}
        for scope_spans in part.scope_spans if listed else self._kept(part, heap):
            self._gather(scope_spans, sought, head, slices, heap)
        tenant, other = self._tenant(record, resource), self._session_behind(record, resource, sought)
        for trace_id, pieces in slices.items():
            heap.fragments.append(self._fragment(tenant, trace_id, b"".join(pieces), sought, other))

    def _gather(
        self,
        scope_spans: Any,  # noqa: ANN401
        sought: _Sought,
        head: bytes,
        slices: dict[bytes, list[bytes]],
        heap: Heap,
    ) -> None:
        """Spans of one scope by trace, each group as the bytes of a ScopeSpans behind the resource's."""
        if isinstance(scope_spans, WalkedScope) and not sought.judge:
            heap.spans += scope_spans.size
            scope = varint.delimited(b"\n", scope_spans.scope)
            for trace_id, runs in scope_spans.runs.items():
                size = len(scope) + sum(map(len, runs))
                slices.setdefault(trace_id, [head]).extend((_FIELD_2.head(size), scope, *runs))
            return
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
        for ids, members in by_trace(groups, heap).items():
            heap.spans += len(members)
            pieces = [scope]
            _FIELD_2.add(members, pieces)
            slices.setdefault(ids, [head]).extend((_FIELD_2.head(sum(map(len, pieces))), *pieces))

    def _fragment(self, tenant: str, trace_id: bytes, raw: bytes, sought: _Sought, other: str | None) -> Fragment:
        """`other` is whose it is if no span names a session."""
        name = trace_id.hex()
        found = sought.order.sessions.values(raw, sought.sessions) if sought.sessions else ()
        candidates = tuple(sorted([c for c in found if not is_trace_id(c, name)]))
        if other and not candidates and not is_trace_id(other, name):
            candidates = (other,)
        ends = bool(sought.ends) and bool(sought.order.ends.values(raw, sought.ends))
        frame = self._compress(raw)
        return Fragment(tenant, name, xxhash.xxh3_128_digest(frame), frame, candidates, ends, len(raw))


def _is_genai(value: bytes) -> bool:
    return any(stringzilla.find(value, marker) >= 0 for marker in GENAI_MARKERS)


def _service_of(resource: bytes) -> str:
    return str(attribute_of(resource, "service.name") or "")


def _name_of(scope: bytes) -> str:
    try:
        return str(Scope.FromString(scope).name.decode("utf-8", "replace"))
    except DecodeError:
        return ""


def _firsts(parts: Iterable[Any]) -> Iterator[bytes]:
    return (scope_spans.spans[0] for part in parts for scope_spans in part.scope_spans if scope_spans.spans)


def _parsed(value: bytes) -> Sequence[Any] | None:
    """The parts of a request, None if protobuf refuses it."""
    try:
        parts: Sequence[Any] = Request.FromString(value).resource_spans
    except DecodeError:
        return None
    return parts
