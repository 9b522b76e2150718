"""Which sessions are judged, by which judges and how often: what rules promise, each as a check.

Read anew from the rules: of the system only the turns are believed that a claim has decoded.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from streamer.core.close_reason import CloseReason
from streamer.core.ledger import Entry
from streamer.core.rules import Rule, rule_of
from streamer.core.session import Claim
from streamer.core.turn import Turn
from tests.fakes.redis_state import SessionRow

if TYPE_CHECKING:
    from tests.simulation.laws import Laws

BUSY = ("judged", "failed", "retrying", "deferred")


def number_of(session_key: str) -> float:
    """As core/sampling.py describes it."""
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (b"sampling", session_key.encode()))
    return (int(hashlib.sha256(parts).hexdigest()[:14], 16) >> 3) / 2**53


def is_due(rule: Rule, session_key: str, turns: Mapping[str, Turn]) -> bool:
    """By the rule as it is now; whoever was included by another one stays so."""
    wrong = "error" in rule.always_judge and any(turn.error for turn in turns.values())
    return wrong or number_of(session_key) < rule.sampling


class Policies:
    def __init__(self, laws: "Laws") -> None:
        self.laws, self.w = laws, laws.w
        self.closing: dict[tuple[str, int], tuple[Rule, Mapping[str, Turn], CloseReason]] = {}

    def closes(self, c: Claim, turns: Mapping[str, Turn], reason: CloseReason) -> Rule:
        rule = rule_of(self.laws.c.rules, "default", turns.values())
        self.closing[c.name] = rule, turns, reason
        return rule

    def bought(self, c: Claim, judge: str) -> None:
        """Nothing is asked about a session that the rule leaves out."""
        rule, turns, _ = self.closing[c.name]
        if not rule.wants(judge):
            self.w.violate("filter", f"{judge} was asked about {c.session.session_id}, which is not for it")
        if not is_due(rule, c.session.key, turns) and not was_in(c.state.ledger):
            self.w.violate("sampling", f"{judge} was asked about {c.session.session_id}, which is not in the sample")

    def completed(self, c: Claim, entries: Mapping[str, Entry], reason: CloseReason | None) -> None:
        if reason in (None, "empty", "max_traces") or c.name not in self.closing:
            return
        rule, turns, closed_by = self.closing[c.name]
        due = is_due(rule, c.session.key, turns) or was_in(c.state.ledger)
        for judge, entry in entries.items():
            if entry.state == "removed":
                continue
            if (entry.state == "filtered") == rule.wants(judge):
                self.w.violate("filter", f"{c.session.session_id} {judge}: {entry.state} by the rule {rule.name}")
            if rule.wants(judge) and (entry.state == "sampled_out") == due:
                self.w.violate("sampling", f"{c.session.session_id} {judge}: {entry.state}, and it is in: {due}")
            self._renewed(c, judge, entry, rule, closed_by)

    def _renewed(self, c: Claim, judge: str, entry: Entry, rule: Rule, closed_by: CloseReason) -> None:
        old = c.state.ledger.get(judge)
        name = f"{c.session.session_id} {judge}"
        if entry.unrenewed:
            self.w.rare["a verdict was not renewed"] += 1
        if old is None or old.state != "judged" or entry.state != "judged" or entry.revision == old.revision:
            return
        if rule.rescore == "never":
            self.w.violate("policy", f"{name} has a verdict already, and its rule never renews one")
        if rule.rescore == "final_only" and closed_by == "quiet" and c.state.reason in ("quiet", "ended"):
            self.w.violate("policy", f"{name} was renewed at a pause")
        if rule.reopen_max is not None and entry.revision > rule.reopen_max + 1:
            self.w.violate("policy", f"{name} was renewed {entry.revision - 1} times")

    def at_rest(self, s: SessionRow) -> None:
        """The same sessions for every judge."""
        states = {j: e.state for j, e in s.ledger.items() if e.state not in ("filtered", "removed", "retracted")}
        outs = {judge for judge, state in states.items() if state == "sampled_out"}
        if outs and outs != set(states):
            self.w.violate("sampling", f"{s.ref.session_id} is sampled out for {sorted(outs)} of {sorted(states)}")
        for state, rare in (("sampled_out", "a session was sampled out"), ("filtered", "a judge was filtered")):
            if state in {entry.state for entry in s.ledger.values()}:
                self.w.rare[rare] += 1
        if any(entry.inclusion.reason == "error" for entry in s.ledger.values()):
            self.w.rare["judged because of an error"] += 1


def was_in(ledger: Mapping[str, Entry]) -> bool:
    return any(e.inclusion.is_in and (e.revision or e.state in BUSY) for e in ledger.values())
