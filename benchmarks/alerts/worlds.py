"""Streams of verdicts with a known truth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEAN = 0.065
"""Of the realistic day: 5 % at 14 h, 8 % at 2 h."""
CYCLE_H = 672


class World(NamedTuple):
    """Shares are those at 14 h on a weekday, so 0.05 is the `5` of 5 → 20 %."""

    name: str
    rate: float
    """Conversations an hour in the mean."""
    share: float = 0.05
    rhythm: bool = True
    """Hours, weekend and drift; without it a constant share and traffic."""
    drift: float = 0.2
    scatter: float = 0.0
    """Standard deviation of the hours' log share: verdicts of one hour are not independent."""


class Hours(NamedTuple):
    """By series (rows) and hour (columns)."""

    share: Floats
    n: Ints


def hours(world: World, rng: np.random.Generator, series: int, count: int) -> Hours:
    at = np.arange(count)
    share, traffic = np.full((series, count), world.share), np.full(count, float(world.rate))
    if world.rhythm:
        day = 1 + 1.5 / 6.5 * np.cos(2 * np.pi * (at - 2) / 24)
        week = np.where(at // 24 % 7 >= 5, 1.1, 1.0)
        phase = rng.random((series, 1)) * 2 * np.pi
        share = world.share * MEAN / 0.05 * day * week * (1 + world.drift * np.sin(2 * np.pi * at / CYCLE_H + phase))
        traffic = world.rate * (1 + 0.6 * np.cos(2 * np.pi * (at - 14) / 24))
    if world.scatter:
        share = share * np.exp(world.scatter * rng.standard_normal((series, count)))
    return Hours(np.minimum(share, 0.9), rng.poisson(np.broadcast_to(traffic, (series, count))))


class Stream(NamedTuple):
    """One series, conversation by conversation. `at` in hours, evenly spread within each."""

    at: Floats
    usual: Floats
    """The true share without an incident."""
    hit: NDArray[np.bool_]

    @property
    def hour(self) -> Ints:
        return self.at.astype(np.int64)


def times(n: Ints, first_hour: int) -> Floats:
    hour = np.repeat(np.arange(len(n)), n)
    within = np.arange(len(hour)) - np.repeat(np.cumsum(n) - n, n)
    result: Floats = first_hour + hour + (within + 0.5) / np.repeat(n, n)
    return result


def stream(rng: np.random.Generator, share: Floats, n: Ints, first_hour: int = 0) -> Stream:
    usual = np.repeat(share, n)
    return Stream(times(n, first_hour), usual, rng.random(len(usual)) < usual)


def changed(share: Floats, odds_ratio: Floats | float) -> Floats:
    odds = share / (1 - share) * odds_ratio
    result: Floats = odds / (1 + odds)
    return result
