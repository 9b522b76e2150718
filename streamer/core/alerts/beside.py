"""Is a new version worse than the ones that run beside it?

Rule: no baseline is needed. If both are alike each hit comes from the new version with a chance that is its share of
the traffic, whatever the hour, the users' mood or the judge's. Shiryaev and Roberts' statistic on the hits alone, for a
new version that is twice or four times as bad. It is blind to what hits all versions.

The newest version is the one that was seen first last; it is tested while others are there, and for a week.
"""

from dataclasses import dataclass, field
from math import exp, log
from typing import Any

from streamer.core.alerts.detector import SLACK
from streamer.core.alerts.interval import wilson
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

RATIOS = (2.0, 4.0)
HALF_LIFE = 100.0
"""In conversations, of what is the traffic's share now: it must follow a roll-out, whose steps take minutes."""
TOLERANCE = 0.15
"""So much more than its share of the traffic is no news: that is an estimate itself."""
SETTLED = 20
"""Conversations of both sides before their share of the traffic is known at all."""
SHARE_MIN, SHARE_MAX = 0.01, 0.99
"""Outside of it there is nothing beside."""
NEW_MS = 7 * 86_400_000
VERSIONS_MAX = 8
OVER = 6.9
"""ln 1000, as of an episode of a spike."""
NEVER = 1e30


@dataclass(slots=True)
class BesideWatch:
    first_ms: dict[str, int] = field(default_factory=dict)
    """Version → when it was first seen."""
    new: str = ""
    traffic: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Conversations of the new version and of all, decayed."""
    share: float = 0.06
    """Of hits, over all versions."""
    arms: list[float] = field(default_factory=lambda: [0.0] * len(RATIOS))
    own: list[int] = field(default_factory=lambda: [0, 0])
    """Conversations and hits of the new version, and of the others, since it is new."""
    others: list[int] = field(default_factory=lambda: [0, 0])
    since_ms: int = 0
    raised: str = ""
    score: float = 0.0
    absent: int = 0

    def step(self, rule: AlertRule, series: SeriesKey, at_ms: int, hit: bool) -> Proposal | None:
        """One conversation. One that names no version is none of any."""
        name = series.version
        if not name:
            return None
        self._meet(name, at_ms)
        before, is_new = (self.traffic[0] + 1) / (self.traffic[1] + 2), name == self.new
        fade = 0.5 ** (1 / HALF_LIFE)
        self.traffic = [self.traffic[0] * fade + is_new, self.traffic[1] * fade + 1]
        self.share = fade * self.share + (1 - fade) * hit
        counted = self.own if is_new else self.others
        counted[0] += 1
        counted[1] += hit
        if self.raised:
            return self._continue(rule, series, at_ms, is_new, hit, before)
        known = min(self.own[0], self.others[0]) >= SETTLED and SHARE_MIN < before < SHARE_MAX
        is_due = hit and known and at_ms - self.first_ms.get(self.new, at_ms) < NEW_MS
        return self._test(rule, series, at_ms, is_new, before) if is_due else None

    def give_up(self) -> None:
        """The open episode is over: what comes is news again."""
        self.raised, self.arms = "", [0.0] * len(RATIOS)
        self.own, self.others = [0, 0], [0, 0]

    def to_json(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_json(cls, value: list[Any]) -> "BesideWatch":
        return cls(*value)

    def _meet(self, name: str, at_ms: int) -> None:
        """A version that was never seen is the new one from here on."""
        if name in self.first_ms:
            return
        if len(self.first_ms) >= VERSIONS_MAX:
            del self.first_ms[min(self.first_ms, key=lambda one: self.first_ms[one])]
        is_first = not self.first_ms
        self.first_ms[name] = at_ms
        if not is_first and not self.raised:
            self.new, self.traffic, self.since_ms = name, [0.0, 0.0], at_ms
            self.own, self.others, self.arms = [0, 0], [0, 0], [0.0] * len(RATIOS)

    def _test(self, rule: AlertRule, series: SeriesKey, at_ms: int, is_new: bool, traffic: float) -> Proposal | None:
        """A hit. The budget counts conversations, the statistic hits."""
        traffic = min(SHARE_MAX, traffic * (1 + TOLERANCE))
        for n, ratio in enumerate(RATIOS):
            worse = ratio * traffic / (ratio * traffic + 1 - traffic)
            by = worse / traffic if is_new else (1 - worse) / (1 - traffic)
            self.arms[n] = min(NEVER, (1 + self.arms[n]) * by)
        budget = rule.conversations_per_false_alarm * self.share
        if sum(self.arms) / len(RATIOS) < max(10.0, budget) * (1.0 if rule.strict else exp(-SLACK)):
            return None
        self.raised, self.score, self.absent = self.new, 0.0, 0
        return self._proposal("raise", rule, series, at_ms)

    def _continue(
        self, rule: AlertRule, series: SeriesKey, at_ms: int, is_new: bool, hit: bool, traffic: float
    ) -> Proposal | None:
        """Over when the new version is gone, alone, or as good as the rest."""
        self.absent = 0 if is_new else self.absent + 1
        if hit and SHARE_MIN < traffic < SHARE_MAX:
            worse = RATIOS[0] * traffic / (RATIOS[0] * traffic + 1 - traffic)
            self.score = max(0.0, self.score + (log(traffic / worse) if is_new else log((1 - traffic) / (1 - worse))))
        if self.score == 0:
            self.own, self.others = [0, 0], [0, 0]  # what is counted from here on may be the recovery
        if self.score < OVER and SHARE_MIN <= traffic <= SHARE_MAX and self.absent < HALF_LIFE * 3:
            return None
        proposal = self._proposal("resolve", rule, series, at_ms)
        self.give_up()
        self.since_ms = at_ms
        return proposal

    def _proposal(self, kind: str, rule: AlertRule, series: SeriesKey, at_ms: int) -> Proposal:
        (n, hits), (others, hits_others) = self.own, self.others
        return Proposal(
            kind="raise" if kind == "raise" else "resolve",
            rule=rule.name,
            series=str(series._replace(version=self.raised)),
            at_ms=at_ms,
            since_ms=self.since_ms,
            conversations=n,
            hits=hits,
            share=hits / n if n else 0.0,
            baseline=hits_others / others if others else 0.0,
            interval=wilson(hits, n),
        )
