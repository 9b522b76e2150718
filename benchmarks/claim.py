"""What a claim costs per span decoded: unpacking and reading the spans, and making a turn of each trace."""

from benchmarks import cpu
from benchmarks.corpus import records
from benchmarks.figure import Figure, median
from streamer.core.interpret import interpret
from streamer.core.session import Facts
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.decode import decode

RECORDS = 100
ROUNDS = 5


def run() -> list[Figure]:
    cutter = Cutter(CutRules())
    cuts = [cutter.cut(record) for record in records(RECORDS)]
    fragments = [fragment for cut in cuts for fragment in cut.fragments]
    spans = sum(cut.spans for cut in cuts)
    rounds = []
    for _ in range(ROUNDS):
        began = cpu.own()
        for fragment in fragments:
            decode([fragment.frame])
        decoded = cpu.own() - began
        began = cpu.own()
        for f in fragments:
            interpret(f.trace_id, Facts(f.candidates, 1, (f.frame,), None, False), None)
        rounds.append((decoded, cpu.own() - began))
    return [
        Figure("claim, decoding", median([r[0] for r in rounds]) / spans * 1e6, "µs/span", 6.0),
        Figure("claim, decoding and making a turn", median([r[1] for r in rounds]) / spans * 1e6, "µs/span", 6.0),
        Figure("  the same a turn", median([r[1] for r in rounds]) / len(fragments) * 1e6, "µs"),
    ]
