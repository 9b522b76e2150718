"""The versions of a series that run beside each other, each with evidence of its own against the common baseline.

Rule: a version that has always been worse than the rest is no news: its own share against the series' is learned by the
day, from days that are two days old, and raises what is usual for it. Bounded: the least lately seen one goes.
"""

from dataclasses import dataclass, field
from math import log

from streamer.core.alerts.baseline import DAY_H, SHARE_MAX, Usual
from streamer.core.alerts.evidence import Evidence, factors

VERSIONS_MAX = 4
ACTIVE_H = 24
LEARN_AFTER_D = 2
PRIOR_HITS = 20.0
BUDGET_SERIES, BUDGET_VERSIONS = 0.75, 0.25
"""How the false alarms are shared out where several versions are there."""


@dataclass(slots=True, kw_only=True)
class Version:
    seen: int
    """Hour."""
    evidence: Evidence = field(default_factory=Evidence)
    learned: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Hits, and those that the series' usual share would have given."""
    days: dict[int, list[float]] = field(default_factory=dict)
    """The same of the last days."""

    def count(self, hour: int, hit: bool, mean: float) -> None:
        day = self.days.setdefault(hour // DAY_H, [0.0, 0.0])
        day[0] += hit
        day[1] += mean
        for old in [one for one in self.days if one <= hour // DAY_H - LEARN_AFTER_D]:
            hits, expected = self.days.pop(old)
            self.learned = [self.learned[0] + hits, self.learned[1] + expected]

    @property
    def worse(self) -> float:
        """How much worse than the series it is known to be; never better than it."""
        return max(1.0, (self.learned[0] + PRIOR_HITS) / (self.learned[1] + PRIOR_HITS))


@dataclass(slots=True)
class Versions:
    by_name: dict[str, Version] = field(default_factory=dict)

    def active(self, hour: int) -> int:
        return sum(hour - version.seen < ACTIVE_H for version in self.by_name.values())

    def of(self, name: str, hour: int) -> Version:
        found = self.by_name.get(name)
        if found is None:
            if len(self.by_name) >= VERSIONS_MAX:
                del self.by_name[min(self.by_name, key=lambda one: self.by_name[one].seen)]
            found = self.by_name[name] = Version(seen=hour)
        found.seen = max(found.seen, hour)
        return found

    def add(self, name: str, hour: int, usual: Usual, hit: bool, at_ms: int) -> tuple[Evidence, float]:
        """One conversation of a version that is not alone: its evidence, and ln M."""
        version = self.by_name[name]
        upper = min(SHARE_MAX, usual.upper * version.worse)
        return version.evidence, log(version.evidence.add(factors(upper), hit, at_ms))

    def reset(self) -> None:
        for version in self.by_name.values():
            version.evidence.reset()
            version.days.clear()


def less_for_series(active: int) -> float:
    """What the series' threshold is higher by, as a logarithm, where so many versions are there."""
    return -log(BUDGET_SERIES) if active > 1 else 0.0


def less_for_version(active: int) -> float:
    return log(active / BUDGET_VERSIONS)
