"""What an evaluation comes to, judge by judge, however many sessions it reads.

Rule: it keeps counts, never sessions, so that memory does not grow with them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from streamer.core.evaluating import Evaluated, Judged
from streamer.core.gate import Gate, Weighed
from streamer.core.judges import JudgeSpec
from streamer.core.shares import Interval, interval_of
from streamer.core.verdict import Verdict, VerdictValue


@dataclass(slots=True)
class JudgeTally:
    """Of one judge. Numbers have a mean beside the counts of their values, of which the most frequent are told."""

    spec: JudgeSpec
    values: Counter[VerdictValue] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    stood: int = 0
    bought: int = 0
    """Model calls that were paid for now."""
    tokens: int = 0
    cost_usd: float | None = 0.0
    pairs: int = 0
    """Of two answers to the same session, where each was asked several times."""
    agreeing: int = 0
    repeated: int = 0
    """Sessions that were asked several times."""

    @property
    def judged(self) -> int:
        return self.values.total()

    def add(self, said: Iterable[Judged]) -> None:
        """All that the judge said of one session; the first time counts, the others tell its noise."""
        found = list(said)
        for one in found:
            self.bought += one.calls
            self.tokens += one.tokens
            known = self.cost_usd is not None and one.cost_usd is not None
            self.cost_usd = (self.cost_usd or 0.0) + (one.cost_usd or 0.0) if known else None
        first = found[0]
        self.stood += first.stands
        if isinstance(first.outcome, Verdict):
            self.values[first.outcome.value] += 1
        else:
            self.failures[first.outcome.kind] += 1
        values = [one.outcome.value for one in found if isinstance(one.outcome, Verdict)]
        if len(values) > 1:
            self.repeated += 1
            self.pairs += len(values) * (len(values) - 1) // 2
            self.agreeing += sum(n * (n - 1) // 2 for n in Counter(values).values())

    def shares(self) -> list[tuple[VerdictValue, int, float, Interval]]:
        """Value, count, share and 95 % interval, the most frequent first."""
        total = self.judged
        return [(value, n, n / total, interval_of(n / total, total)) for value, n in self.values.most_common()]

    @property
    def agreement(self) -> float | None:
        """How often two answers to the same session are the same; None where it was asked once."""
        return self.agreeing / self.pairs if self.pairs else None

    def weigh(self, gate: Gate) -> Weighed:
        good = sum(n for value, n in self.values.items() if gate.takes(value))
        return Weighed(gate, good, self.judged - good, self.failures.total())

    def as_json(self) -> dict[str, Any]:
        return {
            "judge": self.spec.name,
            "judge_version": self.spec.version,
            "model": self.spec.model,
            "judged": self.judged,
            "stood": self.stood,
            "values": [
                {"value": value, "sessions": n, "share": share, "low": interval.low, "high": interval.high}
                for value, n, share, interval in self.shares()
            ],
            "failures": dict(self.failures),
            "calls": self.bought,
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "agreement_with_itself": self.agreement,
            "asked_several_times": self.repeated,
        }


@dataclass(slots=True)
class Tally:
    """Of a whole evaluation. `written`: how often a hand-over ended so."""

    judges: dict[str, JudgeTally]
    sessions: int = 0
    turns: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, specs: Iterable[JudgeSpec]) -> "Tally":
        return cls({spec.name: JudgeTally(spec) for spec in specs})

    def add(self, done: Evaluated) -> None:
        if done.skipped is not None:
            self.skipped[done.skipped] += 1
            return
        self.sessions += 1
        self.turns += len(done.transcript.turns)
        for name, said in groupby(done.judged, key=lambda one: one.spec.name):
            self.judges[name].add(said)

    @property
    def cost_usd(self) -> float | None:
        """None where a price is unknown."""
        costs = [judge.cost_usd for judge in self.judges.values()]
        return None if None in costs else sum(cost or 0.0 for cost in costs)

    @property
    def calls(self) -> int:
        return sum(judge.bought for judge in self.judges.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "sessions": self.sessions,
            "turns": self.turns,
            "skipped": dict(self.skipped),
            "judges": [judge.as_json() for judge in self.judges.values()],
            "written": dict(self.written),
            "calls": self.calls,
            "cost_usd": self.cost_usd,
        }
