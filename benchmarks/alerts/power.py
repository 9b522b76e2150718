"""What one cell of the comparison comes to: a world, at a traffic."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.alerts import incidents
from benchmarks.alerts.incidents import Found, Incident
from benchmarks.alerts.many import Many
from benchmarks.alerts.shapes import PEERS, calibrated, conversations_per_false_alarm, day_maxima
from benchmarks.alerts.shapes import ideal as ideal_shape
from benchmarks.alerts.worlds import Floats, World, hours, stream
from streamer.core.alerts.detector import threshold
from streamer.core.alerts.rule import AlertRule

BUDGET = 300_000.0
RULE = AlertRule(name="r", judge="user_frustration", labels=("unresolved",))
STRICT = AlertRule(name="r", judge="user_frustration", labels=("unresolved",), strict=True)
CHANGES = {"5 → 20 %": 4.75, "5 → 10 %": 2.11}
RAMP_ODDS, RAMP_H = 2.59, 72.0
WARM_D, FIRST_DAY = 28, 3
"""The longest window of the peers is three days."""
A, B = 1, 2
"""Seeds: limits are calibrated on A, everything is reported on B."""


class Size(NamedTuple):
    """Of a run: series and days of the null, and incidents of each kind."""

    series: int
    days: int
    incidents: int


def rng_of(seed: int, world: World, *more: int) -> np.random.Generator:
    return np.random.default_rng([seed, int(world.rate), *map(ord, world.name), *more])


def shipped_null(world: World, size: Size, seed: int) -> tuple[Floats, float]:
    """Greatest ln M of each day after the warm-up, and conversations a day."""
    rng = rng_of(seed, world)
    truth = hours(world, rng, size.series, 24 * (WARM_D + size.days))
    many, limit = Many(truth, threshold(RULE, 0) / 2), threshold(STRICT, 0) + 0.3
    maxima = np.full((size.series, size.days), -9.0)
    for hour in range(24 * (WARM_D + size.days)):
        many.learn(hour)
        n, share = truth.n[:, hour], truth.share[:, hour]
        if hour < 24 * (WARM_D - 2):  # nothing to be held by: counted at once
            many.hits[:, hour] = rng.binomial(n, share)
            continue
        width = int(n.max())
        hit = (rng.random((size.series, width), dtype=np.float32) < share[:, None]) & (np.arange(width) < n[:, None])
        greatest = many.test(hour, hit).max(1, initial=-9.0)
        many.reset(np.flatnonzero(greatest > limit))
        if (day := hour // 24 - WARM_D) >= 0:
            maxima[:, day] = np.maximum(maxima[:, day], greatest)
    return maxima.ravel(), float(truth.n[:, 24 * WARM_D :].sum()) / maxima.size


def peer_null(world: World, size: Size, seed: int) -> tuple[dict[str, list[Floats]], float]:
    """By rule and statistic the greatest of each day, and conversations a day."""
    rng, days = rng_of(seed, world, 1), FIRST_DAY + size.days
    truth = hours(world, rng, size.series, 24 * days)
    shapes = {**PEERS, **{f"ideal {name}": (ideal_shape(odds),) for name, odds in CHANGES.items()}}
    maxima: dict[str, list[list[Floats]]] = {name: [[] for _ in several] for name, several in shapes.items()}
    for share, n in zip(truth.share, truth.n, strict=True):
        seen = stream(rng, share, n)
        for name, several in shapes.items():
            for place, shape in enumerate(several):
                maxima[name][place].append(day_maxima(shape(seen), seen, FIRST_DAY, size.days))
    per_day = float(truth.n[:, 24 * FIRST_DAY :].sum()) / (size.series * size.days)
    return {name: [np.concatenate(one) for one in several] for name, several in maxima.items()}, per_day


def limits_of(maxima: dict[str, list[Floats]], per_day: float) -> dict[str, tuple[float, ...]]:
    return {
        name: tuple(calibrated(one, per_day, BUDGET * len(several)) for one in several)
        for name, several in maxima.items()
    }


def kept(maxima: dict[str, list[Floats]], limits: dict[str, tuple[float, ...]], per_day: float) -> dict[str, float]:
    """Conversations per false alarm of each rule on other seeds than its limit's."""
    above = {
        name: np.any([one >= limit for one, limit in zip(several, limits[name], strict=True)], axis=0)
        for name, several in maxima.items()
    }
    return {name: conversations_per_false_alarm(one.astype(float), per_day, 1.0) for name, one in above.items()}


def null_cell(world: World, size: Size) -> dict[str, Any]:
    """Conversations per false alarm of the shipped rule, and of its strict form."""
    maxima, per_day = shipped_null(world, size, B)
    return {
        "world": world.name,
        "rate": world.rate,
        "conversations": round(maxima.size * per_day),
        "per_day": per_day,
        "false_alarm_days": int((maxima >= threshold(RULE, 0)).sum()),
        "T": conversations_per_false_alarm(maxima, per_day, threshold(RULE, 0)),
        "T strict": conversations_per_false_alarm(maxima, per_day, threshold(STRICT, 0)),
        "T shares": {str(h): conversations_per_false_alarm(maxima, per_day, h) for h in (10.8, 11.0, 11.4, 11.61)},
    }


def delay_cells(world: World, size: Size, horizon_h: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Every rule on the same incidents, with limits that keep the budget in this world."""
    maxima, per_day = peer_null(world, size, A)
    limits = limits_of(maxima, per_day)
    again, per_day_b = peer_null(world, size, B)
    yield {"world": world.name, "rate": world.rate, "limits": limits, "T peers": kept(again, limits, per_day_b)}
    for change, odds in CHANGES.items():
        found = _all(world, size, odds, float(horizon_h[change]), 0, limits, f"ideal {change}")
        yield {"world": world.name, "rate": world.rate, "change": change, **summary(found)}
    ramp = _all(world, size, RAMP_ODDS, -RAMP_H, horizon_h["ramp"], limits, "ideal 5 → 10 %")
    yield {"world": world.name, "rate": world.rate, "change": "ramp", **summary(ramp)}
    six = _all(world, size, CHANGES["5 → 20 %"], 6.0, 48, limits, "ideal 5 → 20 %")
    yield {"world": world.name, "rate": world.rate, "change": "6 h", **summary(six)}


def _all(
    world: World,
    size: Size,
    odds: float,
    lasts_h: float,
    after_h: int,
    limits: dict[str, tuple[float, ...]],
    yardstick: str,
) -> dict[str, list[Found]]:
    rng = rng_of(B, world, 2, round(odds * 100), round(abs(lasts_h)))
    shape = ideal_shape(CHANGES[yardstick.removeprefix("ideal ")])
    found: dict[str, list[Found]] = {}
    for _ in range(size.incidents):
        one: Incident = incidents.incident(world, rng, odds, lasts_h, after_h)
        results = {"ideal": incidents.ideal(one, shape, limits[yardstick][0]), **incidents.all_peers(one, limits)}
        results["shipped"] = incidents.shipped(one, RULE)
        for name, result in results.items():
            found.setdefault(name, []).append(result)
    return found


def summary(found: dict[str, list[Found]]) -> dict[str, Any]:
    """By rule: median and 90 % of delays, what was missed, the ratio to the ideal with its interval."""
    ideal = np.array([one.conversations for one in found["ideal"]])
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(ideal), (400, len(ideal)))
    result: dict[str, Any] = {"incidents": len(ideal), "rules": {}}
    for name, several in found.items():
        n, h, reset = (np.array(column) for column in zip(*several, strict=True))
        with np.errstate(invalid="ignore"):
            ratios = np.median(n[drawn], axis=1) / np.median(ideal[drawn], axis=1)
        result["rules"][name] = {
            "conversations": [_quantile(n, 0.5), _quantile(n, 0.9)],
            "minutes": [60 * _quantile(h, 0.5), 60 * _quantile(h, 0.9)],
            "missed in 2 h": float((h > 2).mean()),
            "found in 6 h": float((h <= 6).mean()),
            "never": float(np.isinf(n).mean()),
            "reset minutes": [60 * _quantile(reset, 0.5), 60 * _quantile(reset, 0.9)],
            "ratio": float(np.median(n) / np.median(ideal)),
            "ratio 95 %": [float(x) for x in np.quantile(ratios, [0.025, 0.975], method="lower")],
        }
    return result


def _quantile(values: Floats, q: float) -> float:
    return float(np.quantile(values, q, method="lower"))
