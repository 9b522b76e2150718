"""What a rule would be like on a history: how often it would be wrong, and how late it would be right.

Sources: B. M. Hill, 1975 (slope of a tail); delays are simulated with the rule's own step, for a change as large as
5 to 20 %.
"""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from statistics import median
from typing import NamedTuple

from streamer.core.alerts.beside import BesideWatch
from streamer.core.alerts.detector import Detector, threshold
from streamer.core.alerts.evidence import Evidence, factors, shifted
from streamer.core.alerts.replay import DAY_MS, HOUR_MS, Track
from streamer.core.sampling import draw

DAYS_MIN = 14
"""With fewer the history says nothing of a rate that is one in months."""
TOP = 10
ODDS_RATIO = 4.75
REPLICAS, CONVERSATIONS_MAX = 200, 5_000


class Delay(NamedTuple):
    """From the change to the raise, as conversations end; the quiet gap and the judging come on top."""

    conversations: float
    minutes: float


def false_alarms_per_day(track: Track) -> float:
    """Raises a day of this series without any change, by its own history.

    The greatest M of a day has an exponential tail (a false alarm is a day on which it passes the threshold). Its slope
    is 1 where hours scatter as chance does, and less where they do not: Hill's estimate from the greatest days outside
    of episodes, taken to the threshold. With too short a history the rule's own budget is all there is. An absolute
    limit has no such tail: what crossed it, crossed it.
    """
    span_d = max(1.0, track.span_ms / DAY_MS)
    if track.rule.kind == "limit":
        return len(track.episodes) / span_d
    limit = threshold(track.rule, track.conversations / span_d)
    quiet = sorted((log(m) for day, m in track.greatest.items() if m > 0 and not _in_episode(track, day)), reverse=True)
    if track.rule.kind == "version" or len(quiet) < DAYS_MIN:
        per_day = track.conversations / span_d
        return per_day * exp(-threshold(replace(track.rule, strict=True), per_day))
    top = quiet[: min(TOP, len(quiet) // 2) + 1]
    excess = sum(value - top[-1] for value in top[:-1])
    slope = min(1.0, (len(top) - 1) / excess) if excess > 0 else 1.0
    return (len(top) - 1) / len(quiet) * exp(-slope * max(0.0, limit - top[-1]))


def _in_episode(track: Track, day: int) -> bool:
    return any(
        one.since_ms // DAY_MS <= day <= (track.last_ms if one.resolved_at_ms is None else one.resolved_at_ms) // DAY_MS
        for one in track.episodes
    )


def delay_of(track: Track) -> Delay | None:
    """The median, at the series' latest share and traffic. None if such a change would not raise it at all."""
    span_h = max(1.0, track.span_ms / HOUR_MS)
    per_hour = max(track.conversations / span_h, 1e-6)
    begin = {"spike": _spike, "limit": _limit, "version": _version}[track.rule.kind]
    delays = [_one(begin(track, per_hour), replica) for replica in range(REPLICAS)]
    middle = median(delays)
    return None if middle > CONVERSATIONS_MAX else Delay(middle, middle / per_hour * 60)


Raised = Callable[[int, float], bool]
"""Whether the n-th conversation, whose draw is u, raises the series."""


def _one(raised: Raised, replica: int) -> int:
    for n in range(CONVERSATIONS_MAX):
        if raised(n, draw(f"{replica}:{n}")):
            return n + 1
    return CONVERSATIONS_MAX + 1


def _share(track: Track) -> float:
    """The latest one, without episodes where that is known."""
    if isinstance(track.state.watch, Detector):
        return track.state.watch.baseline.usual(track.state.watch.baseline.now).mean
    return min(0.95, max(1e-3, track.hits / max(1, track.conversations)))


def _spike(track: Track, per_hour: float) -> Raised:
    baseline = track.state.watch.baseline if isinstance(track.state.watch, Detector) else None
    assert baseline is not None
    usual, limit = baseline.usual(baseline.now), exp(threshold(track.rule, per_hour * 24))
    evidence, by, bad = Evidence(), factors(usual.upper), shifted(usual.mean, ODDS_RATIO)
    return lambda _n, u: evidence.add(by, u < bad, 0) >= limit


def _limit(track: Track, per_hour: float) -> Raised:
    """The window holds what came before the change, at first."""
    rule, share = track.rule, _share(track)
    size = max(1, round(per_hour * rule.window_ms / HOUR_MS))
    bad, hits, total = shifted(share, ODDS_RATIO), [share] * size, [share * size]

    def raised(n: int, u: float) -> bool:
        hit = float(u < bad)
        total[0] += hit - hits[n % size]
        hits[n % size] = hit
        return size >= rule.conversations_min and total[0] >= (rule.limit_share or 0.0) * size

    return raised


def _version(track: Track, per_hour: float) -> Raised:
    """Half of the traffic is the new version's."""
    watch, share = BesideWatch(), _share(track)
    for n in range(40):
        watch.step(track.rule, track.series._replace(version="old"), n, False)
    bad = shifted(share, ODDS_RATIO)

    def raised(n: int, u: float) -> bool:
        name, of = ("new", bad) if n % 2 else ("old", share)
        return watch.step(track.rule, track.series._replace(version=name), 40 + n, u < of) is not None

    return raised
