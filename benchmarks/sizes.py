"""Whether a span costs the same in a record of 100 spans and in one of 8,000, and in a trace of as many."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from benchmarks import cpu
from benchmarks.corpus import records
from benchmarks.figure import Figure
from streamer.core.interpret import interpret
from streamer.core.session import Facts
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.builders import descending

SIZES = (1, 10, 100, 1_000, 8_000)
SPANS = 16_000
ROUNDS = 5
CACHE = "as many calls a span; more memory than the processor's cache holds"
Placed = tuple[ResourceSpans, ScopeSpans, Span]


def run() -> list[Figure]:
    placed = list(_spans())[:SPANS]
    told = {size: [_record(part) for part in _parts(placed, size)] for size in SIZES}
    traces = {size: _trace(placed, size) for size in SIZES}
    # Sizes in turn, and the best of each: what else the machine does meets them all alike.
    cut_rounds = [{size: _cutting(told[size]) for size in SIZES} for _ in range(ROUNDS)]
    read_rounds = [{size: _reading(*traces[size]) for size in SIZES} for _ in range(ROUNDS)]
    cuts, reads = ({size: min(r[size] for r in rounds) for size in SIZES} for rounds in (cut_rounds, read_rounds))
    figures = [Figure(f"  cutting a record of {size:,} spans", cost, "µs/span") for size, cost in cuts.items()]
    figures += [Figure(f"  reading a trace of {size:,} spans", cost, "µs/span") for size, cost in reads.items()]
    return [
        Figure("cutting, a span among 8,000 against one among 100", cuts[8_000] / cuts[100], "x", 1.2),
        Figure("reading, a span among 8,000 against one among 100", reads[8_000] / reads[100], "x", note=CACHE),
        *figures,
    ]


def _spans() -> Iterator[Placed]:
    for record in records(SPANS // 90):
        request = ExportTraceServiceRequest.FromString(record.value or b"")
        for part in request.resource_spans:
            for scope in part.scope_spans:
                for span in scope.spans:
                    yield part, scope, span


def _parts(placed: Sequence[Placed], size: int) -> Iterator[Sequence[Placed]]:
    """A record of one span costs as much as a record: a hundredth of them will do."""
    enough = len(placed) if size > 1 else len(placed) // 10
    for at in range(0, enough, size):
        yield placed[at : at + size]


def _record(placed: Sequence[Placed]) -> Record:
    request = ExportTraceServiceRequest()
    for _, alike in groupby(placed, key=lambda one: (id(one[0]), id(one[1]))):
        together = list(alike)
        part, scope, _ = together[0]
        told = request.resource_spans.add(resource=part.resource)
        told.scope_spans.add(scope=scope.scope, spans=[span for _, _, span in together])
    return Record("otlp_spans", 0, 0, 0, descending(request))


def _cutting(told: Sequence[Record]) -> float:
    cutter = Cutter(CutRules())
    began = cpu.own()
    spans = sum(cutter.cut(record).spans for record in told)
    return (cpu.own() - began) / spans * 1e6


def _trace(placed: Sequence[Placed], size: int) -> tuple[str, Facts, int]:
    """One trace: a root, and calls of a model below it; its facts and the number of its spans."""
    part, scope, root = next(one for one in placed if not one[2].parent_span_id)
    mine = [root]
    for n, call in enumerate([span for _, _, span in placed if span.parent_span_id][: size - 1], start=1):
        span = Span.FromString(call.SerializeToString())
        span.trace_id, span.parent_span_id, span.span_id = root.trace_id, root.span_id, n.to_bytes(8, "big")
        mine.append(span)
    cut = Cutter(CutRules(keep="all")).cut(_record([(part, scope, span) for span in mine]))
    return cut.fragments[0].trace_id, Facts((), 1, tuple(f.frame for f in cut.fragments), None, False), len(mine)


def _reading(trace_id: str, facts: Facts, spans: int) -> float:
    repeats = max(1, 2_000 // spans)
    began = cpu.own()
    for _ in range(repeats):
        interpret(trace_id, facts, None)
    return (cpu.own() - began) / repeats / spans * 1e6
