"""Shares over sessions that were drawn stratum by stratum, so that they stand for different numbers of others.

Rule: each stratum has Wilson's interval (1927) on Kish's n (1965); those of independent strata are combined by MOVER,
which recovers from each limit the variance near it (Zou & Donner, Statistics in Medicine 27, 2008). With one stratum
that is Wilson's own. One interval on Kish's n over all strata was tried instead: for the recall of a rare label, whose
few misses stand for a hundred sessions each, it held the truth in 46 to 83 of 100 samples
(tests/core/test_agreement.py).
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field

from streamer.core.shares import Interval, effective, interval_of

HALVINGS = 40


@dataclass(slots=True)
class Part:
    """Of one stratum: sums of weights."""

    count: int = 0
    weight: float = 0.0
    squares: float = 0.0
    hits: float = 0.0

    @property
    def share(self) -> float:
        return self.hits / self.weight

    @property
    def interval(self) -> Interval:
        return interval_of(self.share, effective(self.weight, self.squares))


@dataclass(slots=True)
class Stratified:
    """A share over all strata (Hájek's)."""

    parts: defaultdict[str, Part] = field(default_factory=lambda: defaultdict(Part))

    def add(self, stratum: str, hit: float, weight: float) -> None:
        """`hit`: 1 or 0; or what share of the session counts."""
        part = self.parts[stratum]
        part.count += 1
        part.weight += weight
        part.squares += weight * weight
        part.hits += weight * hit

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts.values())

    @property
    def weight(self) -> float:
        return sum(part.weight for part in self.parts.values())

    @property
    def share(self) -> float | None:
        """None over nothing."""
        return sum(part.hits for part in self.parts.values()) / self.weight if self.parts else None

    @property
    def interval(self) -> Interval | None:
        if (share := self.share) is None:
            return None
        below, above = self.reach()
        return Interval(max(0.0, share - below), min(1.0, share + above))

    def reach(self) -> tuple[float, float]:
        """How far the interval's ends are from the share."""
        whole = self.weight
        reaches = [(part.weight / whole, part.share, part.interval) for part in self.parts.values()]
        below = math.hypot(*(w * (share - limits.low) for w, share, limits in reaches))
        above = math.hypot(*(w * (limits.high - share) for w, share, limits in reaches))
        return below, above


@dataclass(slots=True)
class Portion:
    """Hits among hits and misses. Taken for independent, which they are where a stratum has only one of the two, as
    the strata of verdicts have."""

    count: int = 0
    """Sessions that are a hit or a miss."""
    hits: Stratified = field(default_factory=Stratified)
    misses: Stratified = field(default_factory=Stratified)

    def add(self, stratum: str, *, hit: bool, miss: bool, weight: float) -> None:
        """Every session, also one that is neither."""
        self.count += hit or miss
        self.hits.add(stratum, hit, weight)
        self.misses.add(stratum, miss, weight)

    @property
    def share(self) -> float | None:
        """None where there is neither a hit nor a miss."""
        hits, misses = self.hits.share or 0.0, self.misses.share or 0.0
        return hits / (hits + misses) if hits + misses > 0 else None

    @property
    def interval(self) -> Interval | None:
        """Every portion r for which (1 - r) of the hits less r of the misses may be 0, by MOVER: as Fieller's (1954)
        interval of a ratio. With one stratum Wilson's among hits and misses."""
        if (share := self.share) is None:
            return None
        if len(self.hits.parts) == 1:
            return self._of_one(share)
        return Interval(self._end(0.0, share), self._end(1.0, share))

    def _of_one(self, share: float) -> Interval:
        [(name, hits)], misses = self.hits.parts.items(), self.misses.parts
        in_all = (hits.hits + misses[name].hits) / hits.weight
        return interval_of(share, effective(hits.weight, hits.squares) * in_all)

    def _end(self, outside: float, inside: float) -> float:
        """Halves the way from the share to 0 or 1 until it is known where it can be no more."""
        if self._can_be(outside):
            return outside
        for _ in range(HALVINGS):
            middle = (outside + inside) / 2
            if self._can_be(middle):
                inside = middle
            else:
                outside = middle
        return inside

    def _can_be(self, portion: float) -> bool:
        hits, misses = self.hits.share or 0.0, self.misses.share or 0.0
        (hits_below, hits_above), (misses_below, misses_above) = self.hits.reach(), self.misses.reach()
        found = (1 - portion) * hits - portion * misses
        below = math.hypot((1 - portion) * hits_below, portion * misses_above)
        above = math.hypot((1 - portion) * hits_above, portion * misses_below)
        return found - below <= 0 <= found + above
