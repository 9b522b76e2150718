"""What a sample of a topic's records holds: for `streamer check`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streamer.core.interpret import interpret
from streamer.core.preview import dialects_of, facts_by_trace
from streamer.core.remedies import remedy_for
from streamer.core.rules import Rule, attributes_of, rule_of
from streamer.core.wire.conventions import Translate
from streamer.core.wire.cut import Cutter
from streamer.core.wire.decode import decode
from streamer.core.wire.records import Fragment, Record


@dataclass(slots=True)
class Sample:
    """Counts over records, spans and traces."""

    records: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    spans: int = 0
    traces: int = 0
    with_session: int = 0
    with_text: int = 0
    dialects: Counter[str] = field(default_factory=Counter)
    remedies: Counter[str] = field(default_factory=Counter)
    """How to name the session, for the traces that name none."""
    rules: Counter[str] = field(default_factory=Counter)
    """Which rule each trace would fall under, as a session of one turn."""
    newest: list[tuple[str, int]] = field(default_factory=list)
    """Trace ids and the ms of their last record, the latest first."""
    tenants: dict[str, str] = field(default_factory=dict)
    """By trace id."""


def sample(
    records: Iterable[Record], cutter: Cutter, translate: Translate | None = None, rules: Sequence[Rule] = ()
) -> Sample:
    """Reads as ingest and a claim would; traces that stand in several records are put together."""
    asked = attributes_of(rules)
    found, fragments = Sample(), list[Fragment]()
    last_ms: dict[str, int] = {}
    for record in records:
        cut = cutter.cut(record)
        found.records += 1
        found.spans += cut.spans
        found.problems.update(problem.reason for problem in cut.problems)
        if cut.out_of_scope:
            found.out_of_scope[cut.out_of_scope] += 1
        for fragment in cut.fragments:
            found.tenants[fragment.trace_id] = fragment.tenant
            last_ms[fragment.trace_id] = max(last_ms.get(fragment.trace_id, 0), record.timestamp_ms)
        fragments += cut.fragments
    for (tenant, trace_id), facts in facts_by_trace(fragments).items():
        keys = cutter.rules.session_keys
        owner, turn = interpret(trace_id, facts, None, translate=translate, keys=keys, asked=asked)
        found.traces += 1
        found.with_session += owner is not None
        found.with_text += turn is not None and turn.unscorable is None
        if turn is not None and rules:
            found.rules[rule_of(rules, tenant, [turn]).name] += 1
        dialects = dialects_of(decode(facts.frames))
        found.dialects.update(dialects or ["none known"])
        if owner is None:
            found.remedies[remedy_for(dialects)] += 1
    found.newest = sorted(last_ms.items(), key=lambda item: -item[1])
    return found
