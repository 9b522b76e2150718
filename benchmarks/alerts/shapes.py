"""The shapes of rule that are compared: each gives a statistic for every conversation of a stream, and is raised where
that reaches its limit.

Sources: CUSUM Page 1954 (optimal: Moustakides 1986); the last k and time averages as observability products have them;
window pairs as in Google's SRE workbook (2018, chapter 5), with limits calibrated, since its burn rates of a budget
cannot exceed 100 % on a share of 5 %.
"""

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.alerts.worlds import Floats, Stream, changed

Shape = Callable[[Stream], Floats]
NONE = -1.0
"""Too few conversations to say anything."""
N_MIN = 10


def ideal(odds_ratio: float) -> Shape:
    """Page's CUSUM that knows the true share of every hour and the size of the change."""

    def statistic(seen: Stream) -> Floats:
        p1 = changed(seen.usual, odds_ratio)
        walk = np.cumsum(np.where(seen.hit, np.log(p1 / seen.usual), np.log((1 - p1) / (1 - seen.usual))))
        result: Floats = walk - np.minimum(0.0, np.minimum.accumulate(walk))
        return result

    return statistic


def last(k: int) -> Shape:
    """Share of the last k conversations."""

    def statistic(seen: Stream) -> Floats:
        count = np.concatenate([[0], np.cumsum(seen.hit)])
        share = np.full(len(seen.hit), NONE)
        share[k - 1 :] = (count[k:] - count[:-k]) / k if len(seen.hit) >= k else NONE
        return share

    return statistic


def within(minutes: float, n_min: int = N_MIN) -> Shape:
    """Share of the last minutes, where there are enough conversations in them."""

    def statistic(seen: Stream) -> Floats:
        first = np.searchsorted(seen.at, seen.at - minutes / 60, side="right")
        count = np.concatenate([[0], np.cumsum(seen.hit)])
        n = np.arange(1, len(seen.hit) + 1) - first
        share: Floats = np.where(n >= n_min, (count[1:] - count[first]) / np.maximum(n, 1), NONE)
        return share

    return statistic


def both(long_minutes: float, short_minutes: float) -> Shape:
    """Both windows are above the limit: the long one for certainty, the short one to end soon."""
    long, short = within(long_minutes), within(short_minutes, 1)
    return lambda seen: np.minimum(long(seen), short(seen))


PEERS: Mapping[str, tuple[Shape, ...]] = {
    "last 50": (last(50),),
    "last 100": (last(100),),
    "last 200": (last(200),),
    "5 min": (within(5),),
    "15 min": (within(15),),
    "60 min": (within(60),),
    "SRE pairs": (both(60, 5), both(360, 30), both(4_320, 360)),
}
"""A rule of several statistics is raised by any of them; each gets its part of the budget."""


def day_maxima(statistic: Floats, seen: Stream, first_day: int, days: int) -> Floats:
    """The greatest of each day; what a limit would have been crossed by."""
    day = seen.hour // 24 - first_day
    maxima = np.full(days, NONE)
    inside = (day >= 0) & (day < days)
    np.maximum.at(maxima, day[inside], statistic[inside])
    return maxima


def conversations_per_false_alarm(maxima: Floats, per_day: float, limit: float) -> float:
    """A false alarm is a day with a crossing. Infinite where none was seen."""
    share = float((maxima >= limit).mean())
    return per_day / -float(np.log1p(-share)) if 0 < share < 1 else (np.inf if share == 0 else 0.0)


def calibrated(maxima: Floats, per_day: float, budget: float) -> float:
    """The limit that keeps the budget, just above a value that was seen: shares are few numbers."""
    wanted = 1 - np.exp(-per_day / budget)
    values = np.unique(maxima)
    above = 1 - np.searchsorted(np.sort(maxima), values, side="left") / len(maxima)
    keeping = values[above <= wanted]
    return float(keeping[0]) if len(keeping) else float(values[-1] + 1e-9)
