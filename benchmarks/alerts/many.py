"""The shipped detector for many series at once, hour by hour: what makes tens of millions of conversations possible.

It is the statistic up to the first raise, without versions and episodes. tests/core/alerts/test_many.py holds it to the
shipped one, series by series. Its rows are series, its second axis the pair (hits, expected) or the conversations.
"""

import numpy as np

from benchmarks.alerts.worlds import Floats, Hours, Ints
from streamer.core.alerts import baseline as b
from streamer.core.alerts.detector import COLD_SHARE
from streamer.core.alerts.evidence import ARMS

BLOCK = 400
"""Conversations of an hour taken at once: products of likelihood ratios stay within a double."""


class Many:
    def __init__(self, seen: Hours, suspect_at: float) -> None:
        """`suspect_at`: ln M above which learning is held."""
        series = seen.n.shape[0]
        self.n, self.hits = seen.n, np.zeros(seen.n.shape)
        self.fast, self.slow, self.scatter = (np.zeros((series, 2)) for _ in range(3))
        self.hours, self.days = np.zeros((series, 24, 2)), np.zeros((series, 7, 2))
        self.next_fast, self.next_slow = np.zeros(series, np.int64), np.zeros(series, np.int64)
        self.arms, self.ln_m = np.zeros((series, len(ARMS))), np.full(series, -9.0)
        self.suspect_at, self.rows = suspect_at, np.arange(series)

    def learn(self, hour: int) -> None:
        lag, held = max(1, min(b.LAG_H, hour // 4)), self.ln_m > self.suspect_at
        while True:
            due = (self.next_fast < hour - lag) & ~(held & (hour - self.next_fast < lag + b.HOLD_H))
            if not due.any():
                break
            self._learn_fast(np.flatnonzero(due))
        lag = max(lag, min(b.LAG_SLOW_H, hour // 2))
        while len(rows := np.flatnonzero(self.next_slow < np.minimum(hour - lag, self.next_fast))):
            at = self.next_slow[rows]
            of_hour, of_day = self._shape(rows, at)
            n, fade = self.n[rows, at], 0.5 ** (1 / b.HALF_LIFE_SLOW_H)
            self.slow[rows] = _added(self.slow[rows], n, fade, self.hits[rows, at], n * of_hour * of_day)
            self.next_slow[rows] += 1

    def upper(self, hour: int) -> Floats:
        """The highest share that is no news; that of a cold start where nothing is learned."""
        of_hour, of_day = self._shape(self.rows, np.full(len(self.rows), hour))
        factor, hours, days = of_hour * of_day, self.hours[:, hour % 24, 1], self.days[:, hour // 24 % 7, 1]
        error = np.sqrt(1 / (self.fast[:, 0] + b.PRIOR_HITS) + 1 / (hours + b.SHRINK_HOUR) + 1 / (days + b.SHRINK_DAY))
        scatter = np.sqrt(np.maximum(0, self.scatter[:, 0]) / (self.scatter[:, 1] + b.SHRINK_SCATTER))
        weight = max(b.ERROR_WEIGHT, b.ERROR_WEIGHT_YOUNG * (1 - hour / b.YOUNG_H))
        doubt = b.SCATTER_WEIGHT * scatter + weight * error
        fast = _level(self.fast) * factor * (1 + b.RISE_FAST + doubt)
        slow = _level(self.slow) * factor * (1 + b.RISE_SLOW + doubt)
        ready = (self.fast[:, 0] >= b.READY_HITS) | (self.fast[:, 1] >= b.READY_CONVERSATIONS)
        return np.where(ready, np.minimum(b.SHARE_MAX, np.minimum(fast, slow)), COLD_SHARE)

    def test(self, hour: int, hit: np.ndarray) -> Floats:
        """ln M after each of the hour's conversations; columns beyond a series' own repeat nothing and are -9."""
        upper, n, parts = self.upper(hour), self.n[:, hour], []
        self.hits[:, hour] += hit.sum(1)
        for first in range(0, hit.shape[1], BLOCK):
            parts.append(self._block(upper, hit[:, first : first + BLOCK], np.clip(n - first, 0, BLOCK)))
        return np.concatenate(parts, 1) if parts else np.zeros((len(n), 0))

    def _block(self, upper: Floats, hit: np.ndarray, n: Ints) -> Floats:
        """R after j conversations is P_j (R_0 + sum of 1 / P_i over i < j), P the product of the first likelihood
        ratios."""
        width, count = hit.shape[1], np.cumsum(hit, 1, dtype=np.float64)
        last, total = np.clip(n - 1, 0, width - 1), np.zeros(hit.shape)
        for arm, ratio in enumerate(ARMS):
            odds = upper / (1 - upper) * ratio
            p1 = odds / (1 + odds)
            ln_hit, ln_miss = np.log(p1 / upper)[:, None], np.log((1 - p1) / (1 - upper))[:, None]
            product = np.exp(ln_miss * np.arange(1, width + 1) + (ln_hit - ln_miss) * count)
            before = np.concatenate([np.ones((len(n), 1)), 1 / product[:, :-1]], 1)
            r = product * (self.arms[:, arm, None] + np.cumsum(before, 1))
            total += r
            self.arms[:, arm] = np.where(n > 0, r[self.rows, last], self.arms[:, arm])
        ln_m: Floats = np.where(np.arange(width) < n[:, None], np.log(total / len(ARMS)), -9.0)
        self.ln_m = np.where(n > 0, ln_m[self.rows, last], self.ln_m)
        return ln_m

    def reset(self, rows: np.ndarray) -> None:
        self.arms[rows], self.ln_m[rows] = 0.0, -9.0

    def _shape(self, rows: Ints, at: Ints) -> tuple[Floats, Floats]:
        hours, days = self.hours[rows, at % 24], self.days[rows, at // 24 % 7]
        return (
            (hours[:, 0] + b.SHRINK_HOUR) / (hours[:, 1] + b.SHRINK_HOUR),
            (days[:, 0] + b.SHRINK_DAY) / (days[:, 1] + b.SHRINK_DAY),
        )

    def _learn_fast(self, rows: Ints) -> None:
        at = self.next_fast[rows]
        n, hits = self.n[rows, at], self.hits[rows, at]
        of_hour, of_day = self._shape(rows, at)
        expected = n * _level(self.fast[rows]) * of_hour * of_day
        fade = 0.5 ** (1 / (24 * b.HALF_LIFE_SHAPE_D))
        self.scatter[rows] = _added(self.scatter[rows], n, fade, (hits - expected) ** 2 - expected, expected**2)
        half = np.where(self.fast[rows, 0] < b.HITS_FAST, b.HALF_LIFE_SLOW_H, b.HALF_LIFE_FAST_H)
        self.fast[rows] = _added(self.fast[rows], n, 0.5 ** (1 / half), hits, n * of_hour * of_day)
        level, cell = _level(self.fast[rows]), (rows, at % 24)
        self.hours[cell] = _added(self.hours[cell], n, 0.5 ** (1 / b.HALF_LIFE_SHAPE_D), hits, n * level * of_day)
        cell, fade = (rows, at // 24 % 7), 0.5 ** (7 / 24 / b.HALF_LIFE_SHAPE_D)
        self.days[cell] = _added(self.days[cell], n, fade, hits, n * level * of_hour)
        self.next_fast[rows] += 1


def _level(pair: Floats) -> Floats:
    result: Floats = (pair[:, 0] + b.PRIOR_HITS) / (pair[:, 1] + b.PRIOR_HITS / b.PRIOR_SHARE)
    return result


def _added(pair: Floats, n: Ints, fade: Floats | float, hits: Floats, expected: Floats) -> Floats:
    """An hour without a conversation fades nothing."""
    kept = pair * np.where(n > 0, fade, 1.0)[:, None]
    return kept + np.where((n > 0)[:, None], np.stack([hits, expected], 1), 0.0)
