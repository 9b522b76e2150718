"""Shares of verdicts, and how well they are known.

Rule: a session that was drawn with probability p stands for 1/p sessions. A share is then the ratio of two estimated
totals (Hájek, 1971), and its interval goes by the number of equally weighted sessions that would tell as much (Kish,
1965). Intervals are Wilson's (1927), differences Newcombe's hybrid of two of them (1998, method 10): both hold near 0
and 1, where frustrated conversations are.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from streamer.core.alerts.interval import Z95, wilson


class Interval(NamedTuple):
    low: float
    high: float


@dataclass(slots=True)
class Weighted:
    """Totals over sessions: what a share needs, and nothing of the sessions themselves."""

    count: int = 0
    weight: float = 0.0
    squares: float = 0.0
    hits: float = 0.0
    """Weight of those that count."""

    def add(self, hit: bool, weight: float = 1.0, sign: int = 1) -> None:
        """`sign` -1 takes one back."""
        self.count += sign
        self.weight += sign * weight
        self.squares += sign * weight * weight
        self.hits += sign * weight * hit

    @property
    def share(self) -> float | None:
        """Hájek's; None over nothing."""
        return min(1.0, max(0.0, self.hits / self.weight)) if self.weight > 0 else None

    @property
    def effective(self) -> float:
        """Kish's n: `count` where all weigh the same."""
        return effective(self.weight, self.squares)

    @property
    def interval(self) -> Interval | None:
        return None if self.share is None else interval_of(self.share, self.effective)


def effective(weight: float, squares: float) -> float:
    """From the sum of the weights and that of their squares."""
    return weight * weight / squares if squares > 0 else 0.0


def interval_of(share: float, n: float) -> Interval:
    """Of a share over n sessions, which need not be a whole number."""
    return Interval(*wilson(share * n, n))


def newcombe(one: float, n_one: float, other: float, n_other: float) -> Interval:
    """Of the difference `other` - `one` between two independent shares."""
    (low_one, high_one), (low_other, high_other) = interval_of(one, n_one), interval_of(other, n_other)
    difference = other - one
    below = math.hypot(other - low_other, high_one - one)
    above = math.hypot(high_other - other, one - low_one)
    return Interval(max(-1.0, difference - below), min(1.0, difference + above))


def mean_of(values: Iterable[float], z: float = Z95) -> tuple[float, Interval] | None:
    """Mean and its interval by the central limit; None over nothing."""
    found = list(values)
    if not found:
        return None
    mean = math.fsum(found) / len(found)
    if len(found) == 1:
        return mean, Interval(-math.inf, math.inf)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in found) / (len(found) - 1) / len(found))
    return mean, Interval(mean - z * spread, mean + z * spread)
