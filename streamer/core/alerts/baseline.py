"""What share of a series is usual at an hour, learned from the series itself.

Rule: what may be news is not learned. An hour is learned when it is old enough, while no change is suspected, and never
if it belongs to an episode; a second, slower level with a longer lag stops a ramp from teaching itself in.

The usual share is a level times a factor of the hour of the day times one of the weekday (UTC). The factors are shrunk
towards 1 (gamma-Poisson): a raw cell of one hour of one weekday holds a single hit a week at 20 conversations an hour
and 5 %. Beside it stands the scatter between hours that chance does not explain: real verdicts of one hour are not
independent, and that is the largest risk of false alarms.
"""

from dataclasses import dataclass, field, replace
from math import sqrt
from typing import NamedTuple

DAY_H, WEEK_D = 24, 7
LAG_H, LAG_SLOW_H = 12, 48
HALF_LIFE_FAST_H, HALF_LIFE_SLOW_H = 24.0, 21 * 24.0
HALF_LIFE_SHAPE_D = 28.0
HALF_LIFE_TRAFFIC_H = 7 * 24.0
HITS_FAST = 150.0
"""With fewer the fast level decays as slowly as the slow one: there is nothing to be fast with."""
SHRINK_HOUR, SHRINK_DAY = 10.0, 30.0
"""Expected hits that weigh as much as the prior factor 1."""
SHRINK_SCATTER = 2_000.0
PRIOR_HITS, PRIOR_SHARE = 2.0, 0.06
RISE_FAST, RISE_SLOW = 0.15, 0.20
"""A share higher by this part is never news."""
SCATTER_WEIGHT = 1.25
ERROR_WEIGHT, ERROR_WEIGHT_YOUNG = 0.6, 1.5
"""Of the baseline's own standard error, which is large where traffic is low. By simulation: with 0.25 the conversations
per false alarm are 250,000 instead of 490,000 at 20 an hour (docs/alerting.md)."""
YOUNG_H = 336.0
"""Until it has seen each weekday twice, the error's weight falls from the young one."""
HOLD_H = 72
"""So long a mere suspicion stops learning."""
READY_HITS, READY_CONVERSATIONS = 20.0, 2_000.0
"""Either is enough: a judge that never minds anything has a usual share, too."""
SILENT_H = 60 * DAY_H
"""After so long the series is a new one; a wrong clock in a single trace must not make it old."""
SHARE_MAX = 0.95


class Usual(NamedTuple):
    """The usual share at an hour, and the highest that is no news."""

    mean: float
    upper: float


@dataclass(slots=True, kw_only=True)
class Baseline:
    """Pairs are [hits, expected ones at level 1], decayed. Hours count from the Unix epoch."""

    born: int
    now: int
    next_fast: int
    next_slow: int
    prior_hits: float = PRIOR_HITS
    prior_share: float = PRIOR_SHARE
    fast: list[float] = field(default_factory=lambda: [0.0, 0.0])
    slow: list[float] = field(default_factory=lambda: [0.0, 0.0])
    hours: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(DAY_H)])
    days: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(WEEK_D)])
    scatter: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Sums of the squared deviation that chance does not explain, and of the squared expectation."""
    traffic: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Conversations and hours, decayed."""
    pending: dict[int, list[int]] = field(default_factory=dict)
    """Hour → conversations, hits of what is not learned by both levels yet."""

    stranger: float = 1.0
    """What is no news is higher by this factor, until READY_HITS were learned here."""

    @classmethod
    def begun(cls, hour: int) -> "Baseline":
        return cls(born=hour, now=hour, next_fast=hour, next_slow=hour)

    def heir(self, hour: int) -> "Baseline":
        """That of the judge's next version: the rhythm is the users', the level a first guess. A new judge may be twice
        as strict, and that is no news of the users."""
        share = self._level(self.slow if self.slow[0] >= READY_HITS else self.fast)
        born = replace(
            self, hours=[[*pair] for pair in self.hours], days=[[*pair] for pair in self.days], pending={}, stranger=2.0
        )
        born.scatter, born.traffic = [*self.scatter], [*self.traffic]
        born.settle_at(share, hour, READY_HITS if self.is_ready else PRIOR_HITS)
        return born

    @property
    def is_ready(self) -> bool:
        return self.fast[0] >= READY_HITS or self.fast[1] >= READY_CONVERSATIONS or self.prior_hits >= READY_HITS

    @property
    def per_day(self) -> float:
        """Conversations a day, lately."""
        return DAY_H * self.traffic[0] / self.traffic[1] if self.traffic[1] else 0.0

    def count(self, hour: int, hit: bool) -> None:
        """One conversation. One that comes after its hour was learned counts for the oldest that is not."""
        cell = self.pending.setdefault(max(hour, self.next_slow), [0, 0])
        cell[0] += 1
        cell[1] += hit

    def learn(self, hour: int, held: bool, episode_from: int | None) -> None:
        """The hour has changed to `hour`. `held`: a change is suspected. `episode_from`: what is in an episode."""
        if hour - self.now > SILENT_H:
            self._restart(hour)
        while self.now < hour:  # one by one, so that hours without a conversation make no difference
            self.now += 1
            self._learn_at(self.now, held, episode_from)

    def _learn_at(self, hour: int, held: bool, episode_from: int | None) -> None:
        age = hour - self.born
        lag = max(1, min(LAG_H, age // 4))
        while self.next_fast < hour - lag and not (held and hour - self.next_fast < lag + HOLD_H):
            if episode_from is None or self.next_fast < episode_from:
                self._learn_fast(self.next_fast)
            else:
                self.pending.pop(self.next_fast, None)
            self.next_fast += 1
        lag = max(lag, min(LAG_SLOW_H, age // 2))
        while self.next_slow < min(hour - lag, self.next_fast):
            self._learn_slow(self.next_slow)
            self.next_slow += 1

    def forget(self, first: int, last: int) -> None:
        """These hours belong to an episode."""
        for hour in range(max(first, self.next_slow), last + 1):
            self.pending.pop(hour, None)

    def usual(self, hour: int) -> Usual:
        of_hour, of_day = self._shape(hour)
        factor = of_hour * of_day
        hours, days = self.hours[hour % DAY_H], self.days[hour // DAY_H % WEEK_D]
        error = sqrt(1 / (self.fast[0] + self.prior_hits) + 1 / (hours[1] + SHRINK_HOUR) + 1 / (days[1] + SHRINK_DAY))
        scatter = sqrt(max(0.0, self.scatter[0]) / (self.scatter[1] + SHRINK_SCATTER))
        weight = max(ERROR_WEIGHT, ERROR_WEIGHT_YOUNG * (1 - (hour - self.born) / YOUNG_H))
        doubt = SCATTER_WEIGHT * scatter + weight * error
        fast, slow = self._level(self.fast) * factor, self._level(self.slow) * factor
        upper = min(SHARE_MAX, fast * (1 + RISE_FAST + doubt), slow * (1 + RISE_SLOW + doubt))
        if self.stranger > 1 and self.fast[0] < READY_HITS:
            upper = min(SHARE_MAX, upper * self.stranger)
        return Usual(min(fast, SHARE_MAX), upper)

    def settle_at(self, share: float, hour: int, hits: float) -> None:
        """From `hour` on this share is usual, as surely as so many hits would tell."""
        self.prior_share, self.prior_hits = share, hits
        self.fast, self.slow = [0.0, 0.0], [0.0, 0.0]
        self.pending.clear()
        self.born = self.now = self.next_fast = self.next_slow = hour

    def _restart(self, hour: int) -> None:
        self.settle_at(PRIOR_SHARE, hour, PRIOR_HITS)
        self.scatter, self.traffic = [0.0, 0.0], [0.0, 0.0]

    def _level(self, pair: list[float]) -> float:
        return (pair[0] + self.prior_hits) / (pair[1] + self.prior_hits / self.prior_share)

    def _shape(self, hour: int) -> tuple[float, float]:
        of_hour, of_day = self.hours[hour % DAY_H], self.days[hour // DAY_H % WEEK_D]
        return (
            (of_hour[0] + SHRINK_HOUR) / (of_hour[1] + SHRINK_HOUR),
            (of_day[0] + SHRINK_DAY) / (of_day[1] + SHRINK_DAY),
        )

    def _learn_fast(self, hour: int) -> None:
        """An hour enters the fast level, the factors, the scatter and the traffic."""
        n, hits = self.pending.get(hour, (0, 0))
        _add(self.traffic, 0.5 ** (1 / HALF_LIFE_TRAFFIC_H), n, 1.0)
        if n == 0:
            return  # what was learned does not fade over a silent holiday
        of_hour, of_day = self._shape(hour)
        expected = n * self._level(self.fast) * of_hour * of_day
        fade = 0.5 ** (1 / (DAY_H * HALF_LIFE_SHAPE_D))
        _add(self.scatter, fade, (hits - expected) ** 2 - expected, expected**2)
        fade = 0.5 ** (1 / (HALF_LIFE_SLOW_H if self.fast[0] < HITS_FAST else HALF_LIFE_FAST_H))
        _add(self.fast, fade, hits, n * of_hour * of_day)
        level = self._level(self.fast)
        _add(self.hours[hour % DAY_H], 0.5 ** (1 / HALF_LIFE_SHAPE_D), hits, n * level * of_day)
        fade = 0.5 ** (WEEK_D / DAY_H / HALF_LIFE_SHAPE_D)  # a weekday has 24 hours a week
        _add(self.days[hour // DAY_H % WEEK_D], fade, hits, n * level * of_hour)

    def _learn_slow(self, hour: int) -> None:
        n, hits = self.pending.pop(hour, (0, 0))
        if n:
            of_hour, of_day = self._shape(hour)
            _add(self.slow, 0.5 ** (1 / HALF_LIFE_SLOW_H), hits, n * of_hour * of_day)


def _add(pair: list[float], fade: float, hits: float, expected: float) -> None:
    pair[0] = pair[0] * fade + hits
    pair[1] = pair[1] * fade + expected
