"""What would be stored of some records, and why not more: for `streamer decode` and `streamer check`.

Rule: it goes the way that ingest and a claim go, so that what people see is what will happen.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.core.interpret import interpret
from streamer.core.remedies import remedy_for
from streamer.core.session import Facts
from streamer.core.turn import Turn
from streamer.core.wire import varint
from streamer.core.wire.conventions import Translate, spoken_by
from streamer.core.wire.cut import Cutter
from streamer.core.wire.decode import decode
from streamer.core.wire.frames import decompress
from streamer.core.wire.records import Control, Cut, Fragment, Problem, Record, Tried
from streamer.core.wire.span import Span

_PLAIN = (Tried("otlp_proto", ""),)


class SeenTurn(NamedTuple):
    """A turn, and what only people ask about it."""

    tenant: str
    session_id: str | None
    """The session that it would belong to."""
    name: str
    """Of the root span, or of the first that was seen."""
    dialects: tuple[str, ...]
    remedy: str
    """How to name the session, "" where one is named."""
    turn: Turn


class SeenRecord(NamedTuple):
    """A record and what was made of it, by the number that it has among all."""

    controls: Sequence[Control]
    problems: Sequence[Problem]
    tried: Sequence[Tried]
    left_out_by: str | None


@dataclass(slots=True)
class Preview:
    turns: list[SeenTurn] = field(default_factory=list)
    records: list[SeenRecord] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Traces of which only logs were seen."""
    raw: bytes = b""
    """All fragments as one export request."""

    @property
    def is_empty(self) -> bool:
        return not (self.turns or self.waiting or any(record.controls for record in self.records))


def preview(records: Iterable[Record], cutter: Cutter, translate: Translate | None = None) -> Preview:
    """Records of one topic, in any order: split and late traces come together."""
    cuts = [cutter.cut(record) for record in records]
    seen = Preview(records=[_seen(cut) for cut in cuts])
    traces = facts_by_trace(fragment for cut in cuts for fragment in cut.fragments)
    for (tenant, trace_id), facts in traces.items():
        turn = _turn(tenant, trace_id, facts, translate, cutter.rules.session_keys)
        if turn is None:
            seen.waiting.append(trace_id)
        else:
            seen.turns.append(turn)
    seen.turns.sort(key=lambda seen: (seen.tenant, seen.turn.start_ns, seen.turn.trace_id))
    raws = (decompress(frame) for facts in traces.values() for frame in facts.frames)
    seen.raw = b"".join(varint.delimited(b"\n", raw) for raw in raws if raw)
    return seen


def facts_by_trace(fragments: Iterable[Fragment]) -> dict[tuple[str, str], Facts]:
    """What Redis would hold of each trace, by tenant and trace id."""
    frames: defaultdict[tuple[str, str], dict[bytes, bytes]] = defaultdict(dict)
    candidates: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for fragment in fragments:
        name = (fragment.tenant, fragment.trace_id)
        frames[name][fragment.digest] = fragment.frame
        candidates[name].update(fragment.candidates)
    return {
        name: Facts(tuple(sorted(candidates[name])), 1, tuple(found.values()), None, False)
        for name, found in frames.items()
    }


def dialects_of(spans: Sequence[Span]) -> tuple[str, ...]:
    """Those of the roots first."""
    return tuple(
        dict.fromkeys(name for span in sorted(spans, key=lambda s: bool(s.parent_id)) for name in spoken_by(span))
    )


def _seen(cut: Cut) -> SeenRecord:
    tried = cut.tried or (() if cut.out_of_scope == "tombstone" else _PLAIN)
    return SeenRecord(cut.controls, cut.problems, tried, cut.out_of_scope)


def _turn(
    tenant: str, trace_id: str, facts: Facts, translate: Translate | None, keys: tuple[str, ...]
) -> SeenTurn | None:
    owner, turn = interpret(trace_id, facts, None, translate=translate, keys=keys)
    if turn is None:
        return None
    spans = decode(facts.frames)
    first = next((span for span in spans if not span.parent_id), spans[0])
    dialects = dialects_of(spans)
    return SeenTurn(tenant, owner, first.name, dialects, "" if owner else remedy_for(dialects), turn)
