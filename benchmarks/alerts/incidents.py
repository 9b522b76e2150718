"""Incidents with a known begin and end, through every rule.

The shipped rule is the shipped code (core/alerts/detector.py), with a baseline that has learned 28 days; the peers have
limits that keep the same budget of false alarms in the same world.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.alerts.shapes import PEERS, Shape
from benchmarks.alerts.worlds import Floats, Stream, World, changed, hours, stream, times
from streamer.core.alerts.baseline import Baseline
from streamer.core.alerts.detector import Detector
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

WARM_D, HISTORY_H = 28, 74
SERIES = SeriesKey("t", "bot", "", "user_frustration", "v")
HOUR_MS = 3_600_000


class Incident(NamedTuple):
    """`seen` begins with HISTORY_H hours before the incident's day. `start` and `end` are places in it."""

    baseline: Baseline
    seen: Stream
    start: int
    end: int


class Found(NamedTuple):
    """Conversations and hours from the begin to the raise, None where it was not raised by the stream's end; and from
    the end to the resolve."""

    conversations: float
    hours: float
    reset_h: float


NEVER = float("inf")


def learned(share: Floats, n: np.ndarray, rng: np.random.Generator) -> Baseline:
    """The shipped baseline after these hours."""
    baseline = Baseline.begun(0)
    for hour, (count, hits) in enumerate(zip(n.tolist(), rng.binomial(n, share).tolist(), strict=True)):
        if hour:
            baseline.learn(hour, held=False, episode_from=None)
        baseline.pending[hour] = [count, hits]
    return baseline


def incident(world: World, rng: np.random.Generator, odds_ratio: float, lasts_h: float, after_h: int) -> Incident:
    """One that begins at random in proportion to traffic, on the day after the warm-up; `lasts_h` hours long, or
    ramping up to its odds ratio over -`lasts_h` hours and staying."""
    first = WARM_D * 24 - HISTORY_H
    truth = hours(world, rng, 1, WARM_D * 24 + 24 + int(abs(lasts_h)) + after_h)
    share, n = truth.share[0], truth.n[0]
    baseline = learned(share[: WARM_D * 24 - 2], n[: WARM_D * 24 - 2], rng)
    at = times(n[first:], first)
    day = np.flatnonzero((at >= WARM_D * 24) & (at < WARM_D * 24 + 24))
    start = int(rng.choice(day))
    after = at - at[start]
    if lasts_h >= 0:
        ratio = np.where((after >= 0) & (after < lasts_h), odds_ratio, 1.0)
        end = int(np.searchsorted(after, lasts_h))
    else:
        ratio, end = odds_ratio ** np.clip(after / -lasts_h, 0, 1), len(at)
    usual = stream(rng, share[first:], n[first:], first).usual
    return Incident(baseline, Stream(at, usual, rng.random(len(at)) < changed(usual, ratio)), start, end)


def shipped(one: Incident, rule: AlertRule) -> Found:
    """From two hours before the incident's day on, or 300 conversations before it, if that is later."""
    detector, raised, resolved = Detector(one.baseline), NEVER, NEVER
    begin = int(np.searchsorted(one.seen.at, WARM_D * 24 - 2))
    skipped = max(begin, one.start - 300)
    for hour in range(WARM_D * 24 - 2, int(one.seen.at[skipped])):  # only counted
        inside = one.seen.hour == hour
        detector.baseline.learn(hour, held=False, episode_from=None)
        detector.baseline.pending[hour] = [int(inside.sum()), int(one.seen.hit[inside].sum())]
        skipped = max(skipped, int(np.searchsorted(one.seen.at, hour + 1)))
    at, hit = one.seen.at.tolist(), one.seen.hit.tolist()
    for place in range(skipped, len(at)):
        said = detector.step(rule, SERIES, int(at[place] * HOUR_MS), hit[place])
        if said is None:
            continue
        if said.kind == "raise" and place >= one.start and raised == NEVER:
            raised = place
            if one.end >= len(at):
                break
        elif said.kind == "resolve" and raised != NEVER and place >= one.end:
            resolved = place
            break
    return _found(one, raised, resolved)


def peer(one: Incident, shapes: tuple[Shape, ...], limits: tuple[float, ...]) -> Found:
    above = np.zeros(len(one.seen.hit), np.bool_)
    for shape, limit in zip(shapes, limits, strict=True):
        above |= shape(one.seen) >= limit
    raised = _first(above, one.start)
    return _found(one, raised, _first(~above, max(one.end, int(min(raised, one.end)))))


def ideal(one: Incident, shape: Shape, limit: float) -> Found:
    """It begins at zero when the change does."""
    seen = one.seen
    after = Stream(at=seen.at[one.start :], usual=seen.usual[one.start :], hit=seen.hit[one.start :])
    found = _first(shape(after) >= limit, 0)
    return _found(one, found + one.start, NEVER)


def _first(true: np.ndarray, start: int) -> float:
    found = np.flatnonzero(true[start:])
    return float(start + found[0]) if len(found) else NEVER


def _found(one: Incident, raised: float, resolved: float) -> Found:
    if raised == NEVER:
        return Found(NEVER, NEVER, NEVER)
    at = one.seen.at
    reset = NEVER if resolved == NEVER else float(at[int(resolved)] - at[min(one.end, len(at) - 1)])
    return Found(raised - one.start + 1, float(at[int(raised)] - at[one.start]), reset)


def all_peers(one: Incident, limits: dict[str, tuple[float, ...]]) -> dict[str, Found]:
    return {name: peer(one, PEERS[name], limits[name]) for name in PEERS}
