"""An episode as the detector sees it: is it over?

A CUSUM for "usual again" against 70 % of the excess that the episode has shown: nearer to usual than to what it was.
An average over the last hundred conversations would resolve sooner and flap: 14 raises in a six-hour incident.

Rule: what the episode has shown is known from the conversations before the CUSUM last left zero. The later ones may be
the recovery: counted in, they would make it look like a milder episode, and the resolve of a short one twice as late.
"""

from dataclasses import dataclass
from math import exp, log

from streamer.core.alerts.evidence import ARMS, shifted

OVER = 6.9
"""ln 1000: of 600 simulated episodes at four times the usual share none was resolved before its end, of 600 at twice
the share 22; a raise within two hours is the same episode."""
KEEP = 0.7
GONE = 7.0
"""Conversations that a version would have had by its share of the traffic, were it still there (e^-7: 1 in 1,000)."""


@dataclass(slots=True, kw_only=True)
class Ongoing:
    """From a raise to its resolve."""

    series: str
    version: str | None
    """None: the episode is of all versions together."""
    since_ms: int
    from_hour: int
    """Nothing is learned from here on; -1: it was raised without a baseline, and is learned."""
    conversations: int
    hits: int
    score: float = 0.0
    late: int = 0
    """Conversations since the CUSUM left zero, and their hits."""
    late_hits: int = 0
    others: int = 0
    """Conversations of other versions since the raise, `absent` of them since the last one of this."""
    absent: int = 0
    own: int = 0

    def add(self, version: str, hit: bool, usual: float) -> bool:
        """One conversation of the series, `usual` its mean share. Whether the episode is over."""
        if self.version is not None and version != self.version:
            self.others += 1
            self.absent += 1
            return self.absent * (self.own + 1) / (self.own + self.others) >= GONE and self.absent > self.own
        self.own += 1
        self.absent = 0
        seen = (self.hits + 1) / (self.conversations + 1 / usual)
        excess = KEEP * (_logit(seen) - _logit(usual)) if seen < 1 else log(ARMS[-1])
        still = shifted(usual, exp(max(log(ARMS[0]), excess)))
        self.score = max(0.0, self.score + (log(usual / still) if hit else log((1 - usual) / (1 - still))))
        self.late += 1
        self.late_hits += hit
        if self.score == 0:
            self.conversations += self.late
            self.hits += self.late_hits
            self.late = self.late_hits = 0
        return self.score >= OVER


def _logit(share: float) -> float:
    return log(share / (1 - share))
