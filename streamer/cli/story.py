"""A session's story as lines to read: its turns, what each claim did with it, what stands now, and why no more.

Rule: pure. What was said is told in lines that are printed as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from streamer.cli.figures import at
from streamer.cli.rules import left_out, rule_line, why_included
from streamer.core.claim_log import CLAIMS_KEPT, ClaimNote, Decision
from streamer.core.ledger import Entry
from streamer.core.rules import Rule
from streamer.core.turn import Turn, in_order
from streamer.core.words import counted, lasting, priced

if TYPE_CHECKING:
    from streamer.app.looking import Known

TEXT_CHARS_MAX = 300
CLOSED_BY = {
    "quiet": "its quiet gap",
    "ended": "an explicit end",
    "max_age": "its maximum age",
    "max_turns": "its number of turns",
    "max_bytes": "the length of what was said",
    "max_traces": "too many traces under one id",
    "empty": "having no trace, or none any more",
}
UNWRITTEN = {
    "no_trace": "MLflow has none of its traces",
    "session_id_too_long": "MLflow takes no session id of more than 250 characters",
}


class Line(NamedTuple):
    depth: int
    text: str


def story(known: Known, rule: Rule) -> Iterator[Line]:
    """From the name to the reason why there is no more."""
    yield from _opening(known)
    yield Line(0, rule_line(rule, is_read=bool(known.state.turns)))
    yield Line(0, "turns")
    for n, turn in enumerate(in_order(known.state.turns.values()), start=1):
        yield from _turn(n, turn)
    yield from _traces_without_turn(known)
    if not known.state.turns:
        yield Line(1, "none")
    yield Line(0, f"claims (times UTC by Redis' clock, the last {CLAIMS_KEPT})")
    for note in known.kept.log:
        yield from _claim(note)
    yield Line(0, "verdicts")
    erased = any(note.ending == "erased" for note in known.kept.log) and not known.state.members
    for name, entry in sorted(known.state.ledger.items()):
        yield Line(1, f"{name}: {_sentence(entry, erased)}")
        if entry.verdict and entry.state == "judged":
            yield Line(2, entry.verdict.rationale[:TEXT_CHARS_MAX])
        for past in entry.history:
            yield Line(2, f"before: revision {past.revision}, {past.value} after {counted(past.turns, 'turn')}")
    if not known.state.ledger:
        yield Line(1, "no judge has read it yet")
    yield Line(0, "rows in MLflow")
    yield from _rows(known)


def _opening(known: Known) -> Iterator[Line]:
    ref, state = known.session, known.state
    yield Line(
        0,
        f"session {ref.session_id}  (tenant {ref.scope.tenant}, source {ref.scope.source}, key {known.kept.line.key})",
    )
    judged = "all of it is judged" if not state.has_grown else f"judged up to version {state.judged}"
    closed = f"last closed by {CLOSED_BY[state.reason]}" if state.reason is not None else "never closed yet"
    last = f"last record {at(state.activity_ms)} UTC" if state.version else "no record of it but its end"
    yield Line(0, f"version {state.version}, {counted(len(state.members), 'trace')}, {last}")
    yield Line(0, f"{closed}; {judged}")
    yield Line(0, f"now: {known.kept.line.says}")


def _turn(number: int, turn: Turn) -> Iterator[Line]:
    marks = sorted({*turn.flags, *(() if turn.has_root else ("rootless",)), *(("error",) if turn.error else ())})
    flags = f", {', '.join(marks)}" if marks else ""
    yield Line(1, f"{number}  {at(turn.start_ms)}  trace {turn.trace_id}, read from {turn.io_source}{flags}")
    yield Line(2, f"user      {(turn.user or '–')[:TEXT_CHARS_MAX]}")
    yield Line(2, f"assistant {(turn.assistant or '–')[:TEXT_CHARS_MAX]}")
    if turn.unscorable:
        yield Line(2, f"no judge can use it: {turn.unscorable}")


def _traces_without_turn(known: Known) -> Iterator[Line]:
    lacking = len(set(known.state.members) - set(known.state.turns))
    if not lacking:
        return
    if known.state.has_grown:
        yield Line(1, f"{counted(lacking, 'trace')} more, not read yet: the next claim does")
    else:
        yield Line(1, f"{counted(lacking, 'trace')} more gave no turn, or belong to another session")


def _claim(note: ClaimNote) -> Iterator[Line]:
    if note.ending == "erased":
        yield Line(1, f"{at(note.claimed_ms)}  everything that was said in it was erased (streamer forget)")
        return
    due = {
        "quiet": f"its quiet gap had passed (watermark {at(note.watermark_ms)})",
        "taken": "judged by streamer evaluate",
    }
    times = f", and {note.times - 1} times before, since {at(note.since_ms)}" if note.times > 1 else ""
    yield Line(1, f"{at(note.claimed_ms)}  {due.get(note.due, 'looked at again')}, at version {note.version}{times}")
    if note.interrupted:
        yield Line(2, "the claim before it had not come back: crashed, stopped, or cut off")
    if note.calls:
        unpriced = f" and {note.unpriced} of unknown price" if note.unpriced else ""
        price = priced(note.usd_micros / 1e6)
        yield Line(2, f"bought {counted(note.calls, 'answer')}: {counted(note.tokens, 'token')}, {price}{unpriced}")
    if note.reused:
        yield Line(2, f"used {counted(note.reused, 'saved answer')}, bought before")
    if note.writing_ms is not None:
        yield Line(2, f"said at {at(note.writing_ms)} which rows it would write")
    yield Line(2, _ending(note))
    for decision in note.decisions:
        yield Line(3, _decision(decision))


def _ending(note: ClaimNote) -> str:
    if not note.ending:
        return "it has not come back yet"
    after = lasting((note.ended_ms or note.claimed_ms) - note.claimed_ms)
    if note.ending == "released":
        return f"after {after}: not closed yet, may close at {at(int(note.detail))} (record time)"
    if note.ending == "put_back":
        return f"after {after}: given up unfinished (a pause, or the worker stopped)"
    if note.ending == "refused":
        return f"after {after}: refused, another worker held the session by then"
    return f"after {after}: closed by {CLOSED_BY.get(note.reason, note.reason)}"


def _decision(decision: Decision) -> str:
    delivered = {"M": "MLflow", "F": "the feed"}
    where = " and ".join(name for letter, name in delivered.items() if letter in decision.delivered)
    why = f" ({decision.why})" if decision.why else ""
    told = f", on {where}" if where else ""
    return f"{decision.judge}: {decision.state}{why}, revision {decision.revision}{told}"


def _sentence(entry: Entry, erased: bool) -> str:
    why = f"{entry.failure.kind}: {entry.failure.detail}" if entry.failure else ""
    if entry.state == "judged" and entry.verdict:
        places = (("MLflow", entry.mlflow), ("the feed", entry.feed))
        where = " and ".join(name if there else f"{name} (owed)" for name, there in places)
        if entry.unwritten:
            where = f"the feed only: {UNWRITTEN[entry.unwritten]}"
        usage = entry.verdict.usage
        tokens = counted(usage.input_tokens + usage.output_tokens, "token")
        until = " for the time being: the session goes on," if entry.interim else ""
        return (
            f"{entry.verdict.value}{until} at revision {entry.revision}, {at(entry.scored_at_ms)}, on {where}; "
            f"{tokens}, {priced(usage.cost_usd)}; {why_included(entry)}"
        )
    if entry.state == "retrying":
        return f"no score yet: retrying at {at(entry.next_at_ms)} after {entry.attempts + entry.waits} attempts ({why})"
    if entry.state == "deferred":
        return f"no score yet: deferred until {at(entry.next_at_ms)}, the day's spending limit was reached"
    if entry.state == "failed":
        return f"no score: failed for good until another turn comes ({why})"
    if entry.state in ("filtered", "sampled_out"):
        return left_out(entry)
    if entry.state == "removed":
        stands = f"; its last verdict, {entry.verdict.value}, stands" if entry.verdict else ""
        return f"no longer configured: nothing is owed for it{stands}"
    if erased:
        return "erased, with everything that was said (streamer forget)"
    return "retracted: all its traces belong to other sessions"


def _rows(known: Known) -> Iterator[Line]:
    for row in known.kept.rows:
        yield Line(1, f"{row.judge}: {row.assessment_id} on {row.trace_id}")
    if not known.kept.rows:
        yield Line(1, "none")
    if known.kept.intents:
        yield Line(1, f"{counted(known.kept.intents, 'writer')} may still write: looked at until all have come back")
    if known.state.looks or known.state.mend:
        yield Line(1, "they are looked at again: a write was cut off, or an earlier trace may still come to MLflow")


def as_json(known: Known, rule: Rule) -> dict[str, Any]:
    ref, state, kept = known.session, known.state, known.kept
    return {
        "session_id": ref.session_id,
        "key": ref.key,
        "source": ref.scope.source,
        "tenant": ref.scope.tenant,
        "version": state.version,
        "judged": state.judged,
        "activity_ms": state.activity_ms,
        "ended_ms": state.ended_ms,
        "close_reason": state.reason,
        "state": kept.line.state,
        "says": kept.line.says,
        "rule": asdict(rule),
        "turns": [
            {"trace_id": turn.trace_id, "user": turn.user, "assistant": turn.assistant, "start_ms": turn.start_ms}
            for turn in in_order(state.turns.values())
        ],
        "claims": [
            {**note._asdict(), "detail": [decision._asdict() for decision in note.decisions] or note.detail}
            for note in kept.log
        ],
        "judges": {name: json.loads(entry.to_json()) for name, entry in state.ledger.items()},
        "rows": [row._asdict() for row in kept.rows],
        "open_intents": kept.intents,
    }
