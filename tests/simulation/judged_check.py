"""What must hold of one judge of one session when all is at rest."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from streamer.core.ledger import Entry
from streamer.core.turn import Turn, traces_in_order
from tests.fakes.redis_state import SessionRow
from tests.simulation.services import Stored
from tests.simulation.truth import newest

if TYPE_CHECKING:
    from tests.simulation.laws import Laws


class JudgedCheck:
    """S1, S4, S5, S6, L1, the feed, and that no interim verdict is the last word, for one (session, judge) at rest."""

    def __init__(self, laws: "Laws", s: SessionRow, expected: Mapping[str, Turn], judge: str) -> None:
        self.laws, self.c, self.w = laws, laws.c, laws.w
        self.s, self.expected, self.judge = s, expected, judge
        self.name = f"{s.ref.session_id} {judge}"
        self.entry: Entry | None = s.ledger.get(judge)
        self.rows = [
            row
            for row in self.c.mlflow.rows.values()
            if row.ours and row.session == s.ref.session_id and row.ref.judge == judge
        ]

    def check(self) -> None:
        entry = self.entry
        if entry is None or entry.state in ("retrying", "deferred", "retracted"):
            return self.w.violate("L1", f"{self.name}: ledger says {entry and entry.state}")
        if not entry.inclusion.is_in:  # see policies.py
            return self._check_left_out(entry)
        if entry.transcript_hash is None:
            if not self.laws.failed_over:
                self.w.violate("L1", f"{self.name}: facts_expired, though they had not")
            return None
        said = {turn.trace_id: turn for turn in self.c.seen[entry.transcript_hash].turns}
        if not entry.unrenewed and (lacking := self._lacks(said)):
            return self.w.violate("S5", f"{self.name} does not speak of {lacking}")
        if len(self.rows) > 1:
            return self.w.violate("S4", f"{self.name} has {len(self.rows)} rows")
        if lost := set(said) - set(self.s.turns):
            return self.w.violate("S5", f"{self.name}: the kept turns of {sorted(lost)} are gone")
        self._check_told(entry)
        if entry.state == "failed":
            return self._check_failed()
        return self._check_verdict(entry, said)

    def _check_left_out(self, entry: Entry) -> None:
        """What a judge had said before it was left out stands like any verdict that is not renewed."""
        if entry.verdict is None or entry.transcript_hash is None:
            return None
        if len(self.rows) > 1:
            return self.w.violate("S4", f"{self.name} has {len(self.rows)} rows")
        self.w.rare["a verdict stands of a judge that was left out"] += 1
        self._check_told(entry)
        return self._check_verdict(entry, {turn.trace_id: turn for turn in self.c.seen[entry.transcript_hash].turns})

    def _check_told(self, entry: Entry) -> None:
        if entry.interim:
            self.w.violate("interim", f"{self.name}: at rest, and its {entry.state} is still interim")
        if not entry.feed:
            self.w.violate("feed", f"{self.name}: {entry.state} was never told to the feed")

    def _check_failed(self) -> None:
        """A good verdict of before an erasure is no longer one to be kept."""
        was_good = self.c.mlflow.good.get((self.s.ref.session_id, self.judge), 0) > self.s.erased
        if was_good and all(r.kind != "verdict" for r in self.rows):
            self.w.violate("S6", f"{self.name}: the good verdict is gone")

    def _check_verdict(self, entry: Entry, said: Mapping[str, Turn]) -> None:
        now = [self.s.turns[trace] for trace in self.expected if trace in self.s.turns]
        standing = traces_in_order(now if entry.unrenewed or not entry.inclusion.is_in else said.values())
        first = [trace for trace in standing if self.c.mlflow.has(trace)]
        if first and not self.rows:
            self.w.violate("S4", f"{self.name} has no row")
        for row in self.rows:
            self._check_row(row, entry, first)
        if first and first[0] != standing[0]:
            self.w.rare["a row stands on the next earliest trace"] += 1
        best = newest(self.c.feed, self.s.ref.session_id, self.judge)
        if best is None or best.value.get("transcript_hash") != entry.transcript_hash:
            self.w.violate("feed", f"{self.name}: what a reader keeps is not the last verdict")
        elif best.value["interim"] and not entry.interim:
            self.w.violate("interim", f"{self.name}: what a reader keeps is interim")

    def _check_row(self, row: Stored, entry: Entry, first: Sequence[str]) -> None:
        if row.kind != "verdict":
            self.w.violate("S6", f"{self.name} shows an error")
        elif row.interim:
            self.w.violate("interim", f"{self.name} shows an interim verdict")
        elif row.transcript_hash != entry.transcript_hash:
            self.w.violate("S5", f"{self.name} shows an old transcript")
        elif first and row.ref.trace_id != f"tr-{first[0]}":
            self.w.violate("S5", f"{self.name} stands on {row.ref.trace_id}, not {first[0]}")
        elif not first:
            self.w.violate("S4", f"{self.name} has a row on a trace that is not its own")

    def _lacks(self, said: Mapping[str, Turn]) -> list[str]:
        """Turns missing from a verdict. What came after the sweep or with a parked trace is counted, not shown."""
        out = self.laws.parked_out
        missing = [t for t in self.expected if t not in said and t not in out]
        missing += [t for t in said if t not in self.expected and t not in out]
        for trace_id, true in self.expected.items():
            if trace_id in said and trace_id not in out:
                turn = said[trace_id]
                whole = (turn.user, turn.assistant) == (true.user, true.assistant)
                if not whole and not (trace_id in self.laws.swept and (turn.has_root or not true.has_root)):
                    missing.append(f"{trace_id}: {turn.user!r} instead of {true.user!r}")
        return missing
