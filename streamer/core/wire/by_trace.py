"""Spans of one record by trace, told by their first or last bytes alone where these are ids.

How: whoever groups takes the same slice of every span; a slice that is not what an encoder writes there is looked at
again, span by span.
"""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from streamer.core.wire.gathered import Heap
from streamer.core.wire.records import Problem
from streamer.core.wire.schema import Head
from streamer.core.wire.walk import ID_HEAD, SPAN_ID_HEAD

_TRACE_ID = slice(2, 18)
_SPAN_ID_HEAD_LAST = slice(-28, -26)
_NO_TRACE = bytes(16)


def by_trace(groups: dict[bytes, list[bytes]], heap: Heap) -> dict[bytes, list[bytes]]:
    """Groups whose bytes are ids keep them; the rest is read one by one."""
    traces: dict[bytes, list[bytes]] = {}
    for ids, members in groups.items():
        trace_id = ids[_TRACE_ID]
        if ids[:2] == ID_HEAD and trace_id != _NO_TRACE and _have_span_ids(ids, members):
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
        return ids[18:] == SPAN_ID_HEAD
    for span in members:  # noqa: SIM110 – a generator costs twice as much, and this is done for every span
        if span[_SPAN_ID_HEAD_LAST] != SPAN_ID_HEAD:
            return False
    return True


def _trace_id_of(span: bytes, heap: Heap) -> bytes | None:
    """Fields in an unusual order, or ids that are none."""
    try:
        head = Head.FromString(span)
    except DecodeError:
        heap.add(Problem("bad_span", f"{len(span)} bytes that are no span", -1))
        return None
    trace_id, span_id = bytes(head.trace_id), bytes(head.span_id)
    if len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE:
        return trace_id
    heap.no_ids += not trace_id and not span_id
    detail = f"trace id of {len(trace_id)} bytes, span id of {len(span_id)}"
    heap.add(Problem("bad_span", detail, -1))
    return None
