"""Records as the turns and sessions that they would become: for whoever looks before anything runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from streamer.core.ids import Scope
from streamer.core.interpret import interpret
from streamer.core.session import Facts, SessionRef
from streamer.core.turn import Turn
from streamer.core.wire.conventions import Translate
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Fragment, Problem, Record


@dataclass(slots=True)
class Gathered:
    """What was in some records. Sessions and traces in order of their last record, the latest last."""

    sessions: dict[SessionRef, dict[str, Turn]] = field(default_factory=dict)
    homeless: dict[str, Turn] = field(default_factory=dict)
    """Turns that no span gives a session, by trace id."""
    problems: list[Problem] = field(default_factory=list)
    out_of_scope: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def gather(records: Iterable[Record], cutter: Cutter, source: str, translate: Translate | None = None) -> Gathered:
    """Reads as ingest and a claim would; traces that stand in several records are put together."""
    found, fragments = Gathered(), dict[tuple[str, str], list[Fragment]]()
    for record in records:
        cut = cutter.cut(record)
        found.problems += cut.problems
        if cut.out_of_scope:
            found.out_of_scope[cut.out_of_scope] += 1
        for fragment in cut.fragments:
            name = (fragment.tenant, fragment.trace_id)
            fragments[name] = [*fragments.pop(name, []), fragment]
    for (tenant, trace_id), mine in fragments.items():
        candidates = tuple(sorted({c for fragment in mine for c in fragment.candidates}))
        facts = Facts(candidates, 1, tuple(fragment.frame for fragment in mine), None, False)
        owner, turn = interpret(trace_id, facts, None, translate)
        if turn is None:
            continue
        if owner is None:
            found.homeless[trace_id] = turn
        else:
            ref = SessionRef(Scope(source, tenant), owner)
            found.sessions[ref] = {**found.sessions.pop(ref, {}), trace_id: turn}
    return found
