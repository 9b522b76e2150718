"""The laws, read from outside: of everything that was said there is one verdict in the end, and it is about all of it.

Rule: nothing of the project is imported here. What is looked at: what the generator sent, MLflow, the feed, the
model's log, and when the storm did what.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from tests.storm.observed import Call, Row, Told
from tests.storm.plan import Conversation

QUOTE_CHARS = 100
"""Of the last angry words; the model quotes 120 characters."""


class Fault(NamedTuple):
    """Something that the storm did, from when to when (Unix ms)."""

    kind: str
    began_ms: float
    ended_ms: float


class Allowed(NamedTuple):
    """What the laws allow around a fault."""

    call_ms: float
    """A model call takes so long, and its answer so long to be saved, on a machine that runs everything at once."""
    loss_ms: float
    """What a fail-over may lose is read, judged and bought again."""
    gap_ms: float


@dataclass
class Report:
    """What was seen; `violations` name law, session and why."""

    sessions: int = 0
    turns: int = 0
    verdicts: int = 0
    told_in_the_storm: int = 0
    """Before the last fault: a storm in which nobody works shows nothing."""
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    stale: int = 0
    misplaced: int = 0
    premature: int = 0
    dead_letters: int = 0
    calls: int = 0
    calls_repeated: int = 0
    calls_in_flight_at_faults: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def violate(self, law: str, session: str, what: str) -> None:
        self.violations.append(f"{law} {session}: {what}")


def check_rows(report: Report, said: Sequence[Conversation], rows: Sequence[Row]) -> None:
    """One row a session, on its first trace, about all its turns, with the value that they deserve."""
    by_session: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_session[row.session].append(row)
    report.rows = len(rows)
    for conversation in said:
        mine = by_session.pop(conversation.session, [])
        report.sessions += 1
        report.turns += len(conversation.turns)
        if not mine:
            report.lost += 1
            report.violate("lost", conversation.session, "has no row")
        elif len(mine) > 1:
            report.doubled += 1
            report.violate("doubled", conversation.session, f"has rows on {sorted(row.trace_id for row in mine)}")
        else:
            _check_row(report, conversation, mine[0])
    for session in by_session:
        report.doubled += 1
        report.violate("doubled", session, "has a row, and nobody spoke in it")


def _check_row(report: Report, conversation: Conversation, row: Row) -> None:
    first = min(conversation.turns, key=lambda turn: (int(turn.at_s * 1000), turn.trace_id))
    if row.trace_id != first.trace_id:
        report.misplaced += 1
        report.violate("misplaced", conversation.session, f"its row stands on {row.trace_id}, not {first.trace_id}")
    wrong = [
        what
        for what, is_so in (
            (f"{row.turns} turns of {len(conversation.turns)}", row.turns == len(conversation.turns)),
            (f"{row.value} instead of {conversation.expected}", row.value == conversation.expected),
            ("another quote than the last angry words", conversation.quote[:QUOTE_CHARS] in row.rationale),
        )
        if not is_so
    ]
    if wrong:
        report.stale += 1
        report.violate("stale", conversation.session, "; ".join(wrong))


def check_feed(report: Report, said: Sequence[Conversation], told: Sequence[Told], rows: Sequence[Row]) -> None:
    """The feed's last word (its greatest token) is the row's."""
    report.verdicts = len({one.event_id for one in told})
    last: dict[str, Told] = {}
    for one in told:
        if one.session not in last or one.token > last[one.session].token:
            last[one.session] = one
    standing = {row.session: row for row in rows}
    for conversation in said:
        heard, row = last.get(conversation.session), standing.get(conversation.session)
        if heard is None:
            report.violate("lost", conversation.session, "was never told to the feed")
        elif row is not None and (heard.value, heard.turns) != (row.value, row.turns):
            report.violate("stale", conversation.session, f"the feed says {heard.value} last, its row {row.value}")


def check_calls(report: Report, calls: Sequence[Call], faults: Sequence[Fault], allowed: Allowed) -> None:
    """A call is repeated only if an earlier one of it was in flight when somebody was killed, or within what a
    fail-over lost."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for call in sorted(calls):
        times[call.request].append(call.at_ms)
    report.calls = len(calls)
    report.calls_in_flight_at_faults = sum(_in_flight(call.at_ms, faults, allowed) for call in calls)
    for request, answered in times.items():
        for earlier, again in pairwise(answered):
            report.calls_repeated += 1
            if not _in_flight(earlier, faults, allowed):
                report.violate("bought twice", request, f"at {again:.0f}, answered at {earlier:.0f} with nobody killed")
    if report.calls_repeated > report.calls_in_flight_at_faults:
        report.violate("bought twice", "all", "more calls were repeated than were in flight")


def _in_flight(at_ms: float, faults: Sequence[Fault], allowed: Allowed) -> bool:
    before = {"failover": allowed.loss_ms}
    return any(
        fault.began_ms - before.get(fault.kind, 0) - allowed.call_ms <= at_ms <= fault.ended_ms + allowed.call_ms
        for fault in faults
    )


def check_time(
    report: Report, sent: Sequence[dict[str, Any]], told: Sequence[Told], faults: Sequence[Fault], allowed: Allowed
) -> None:
    """Nobody is judged while Kafka holds a word of theirs that came within the quiet gap of the one before."""
    came: defaultdict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for record in sent:
        for session, number, part in record["held"]:
            if part in ("whole", "root"):
                came[session].setdefault(number, (record["record_ms"], record["at_ms"]))
    lossy = [fault for fault in faults if fault.kind == "failover"]
    for one in told:
        known = sorted(came[one.session].values())
        if one.turns >= len(known) or _in_flight(one.scored_at_ms, lossy, allowed):
            continue
        before_ms, (next_ms, acknowledged_ms) = known[one.turns - 1][0], known[one.turns]
        held = acknowledged_ms < one.scored_at_ms - 2 * allowed.call_ms
        if held and next_ms - before_ms < allowed.gap_ms:
            report.premature += 1
            report.violate("premature", one.session, f"judged on {one.turns} turns when Kafka held one more")


def count_faults(report: Report, faults: Sequence[Fault]) -> None:
    report.faults = dict(sorted(Counter(fault.kind for fault in faults).items()))
