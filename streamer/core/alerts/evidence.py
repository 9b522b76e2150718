"""How much a stream of hits speaks for a change: Shiryaev and Roberts' statistic over a mixture of sizes.

For each arm r, an odds ratio, and each conversation x against the highest usual share p:

    p1 = odds⁻¹(r · odds(p));   R_r ← (1 + R_r) · (p1 / p if hit else (1 − p1) / (1 − p));   M = mean of R_r

M is an e-detector (Shin, Ramdas, Rinaldo 2022): if the chance of a hit is at most p at each step, whatever came before,
then raising at M ≥ T means at least T conversations per false alarm in the mean, without asymptotics or independence.
"""

from dataclasses import dataclass, field
from math import log
from typing import NamedTuple

ARMS = (1.8, 3.0, 5.0)
MIDDLE = 1
"""The arm whose CUSUM tells when the change began."""
R_MAX = 1e30


class Factors(NamedTuple):
    """What a hit and a miss multiply each arm by; fixed as long as the usual share is."""

    hit: tuple[float, ...]
    miss: tuple[float, ...]
    log_hit: float
    """Of the middle arm."""
    log_miss: float


def shifted(share: float, odds_ratio: float) -> float:
    """The share whose odds are so many times those of `share`."""
    odds = share / (1 - share) * odds_ratio
    return odds / (1 + odds)


def factors(share: float) -> Factors:
    """`share` is in (0, 1)."""
    changed = [shifted(share, arm) for arm in ARMS]
    hit = tuple(p1 / share for p1 in changed)
    miss = tuple((1 - p1) / (1 - share) for p1 in changed)
    return Factors(hit, miss, log(hit[MIDDLE]), log(miss[MIDDLE]))


@dataclass(slots=True)
class Run:
    """The conversations since the change, if there is one: since the middle arm's CUSUM was last at zero."""

    score: float = 0.0
    conversations: int = 0
    hits: int = 0
    since_ms: int = 0

    def add(self, by: Factors, hit: bool, at_ms: int) -> None:
        if self.score <= 0:
            self.score, self.conversations, self.hits, self.since_ms = 0.0, 0, 0, at_ms
        self.score += by.log_hit if hit else by.log_miss
        self.conversations += 1
        self.hits += hit


@dataclass(slots=True)
class Evidence:
    """M of one stream, and its current run."""

    arms: list[float] = field(default_factory=lambda: [0.0] * len(ARMS))
    run: Run = field(default_factory=Run)

    @property
    def m(self) -> float:
        return sum(self.arms) / len(ARMS)

    def add(self, by: Factors, hit: bool, at_ms: int) -> float:
        """One conversation; returns M."""
        arms, multiply = self.arms, by.hit if hit else by.miss
        arms[0] = min(R_MAX, (1 + arms[0]) * multiply[0])
        arms[1] = min(R_MAX, (1 + arms[1]) * multiply[1])
        arms[2] = min(R_MAX, (1 + arms[2]) * multiply[2])
        self.run.add(by, hit, at_ms)
        return (arms[0] + arms[1] + arms[2]) / 3

    def reset(self) -> None:
        self.arms[:] = [0.0] * len(ARMS)
        self.run = Run()
