"""What the real core reads in spans when it has them all, in one record: the truth that the laws compare with."""

from collections.abc import Sequence

from streamer.core.feed import FeedRecord
from streamer.core.interpret import interpret
from streamer.core.session import Facts
from streamer.core.turn import Turn
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.simulation.terms import ASKED
from tests.simulation.workload import SimulatedSpan, encode

CUTTER = Cutter(CutRules())
READ: dict[tuple[str, tuple[SimulatedSpan, ...]], tuple[str | None, Turn | None]] = {}


def read(trace_id: str, spans: tuple[SimulatedSpan, ...]) -> tuple[str | None, Turn | None]:
    """What the real core reads in these spans, all in one record."""
    if (trace_id, spans) not in READ:
        cut = CUTTER.cut(Record("spans", 0, 0, 0, encode(trace_id, spans, 0)))
        candidates = sorted({c for f in cut.fragments for c in f.candidates})
        frames = tuple(f.frame for f in cut.fragments)
        if len(READ) > 10_000:
            READ.clear()
        facts = Facts(tuple(candidates), 1, frames, None, False)
        owner, turn = interpret(trace_id, facts, None, asked=ASKED)
        READ[trace_id, spans] = owner, turn
    return READ[trace_id, spans]


def newest(feed: Sequence[FeedRecord], session: str, judge: str) -> FeedRecord | None:
    """What a reader of the feed keeps: the greatest fencing token, never the last arrived."""
    mine = [
        r for r in feed if r.kind != "closing" and r.value["session"]["id"] == session and r.value["judge"] == judge
    ]
    return max(mine, key=lambda r: int(r.value["token"]), default=None)
