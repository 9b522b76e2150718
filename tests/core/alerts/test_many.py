"""The benchmark's detector for many series is the shipped one: what is measured is what runs."""

import math

import numpy as np
import pytest

from benchmarks.alerts.many import Many
from benchmarks.alerts.worlds import World, hours
from streamer.core.alerts.baseline import Baseline
from streamer.core.alerts.detector import Detector, threshold
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

RULE = AlertRule(name="r", judge="j", labels=("x",), conversations_per_false_alarm=1e14)
"""Never raised within the test, so that the statistic goes on."""
SERIES = SeriesKey("t", "bot", "", "j", "v")


@pytest.mark.parametrize(
    "world",
    [World("quiet", 6), World("usual", 40), World("scattered", 40, scatter=0.5, drift=0.4)],
    ids=lambda world: world.name,
)
def test_the_statistic_is_the_same_after_every_conversation(world: World) -> None:
    rng = np.random.default_rng(7)
    truth = hours(world, rng, 3, 24 * 9)
    many = Many(truth, threshold(RULE, 0) / 2)
    detectors = [Detector(Baseline.begun(0)) for _ in range(3)]
    suspected = 0
    for hour in range(24 * 9):
        if hour:
            many.learn(hour)
        share = truth.share[:, hour, None] * (2.0 if hour > 190 and not world.scatter else 1.0)
        n = truth.n[:, hour]
        hit = (rng.random((3, int(n.max()))) < share) & (np.arange(n.max()) < n[:, None])
        ln_m = many.test(hour, hit)
        for row, detector in enumerate(detectors):
            for place in range(int(n[row])):
                assert detector.step(RULE, SERIES, hour * 3_600_000, bool(hit[row, place])) is None
                assert math.log(detector.evidence.m) == pytest.approx(ln_m[row, place], abs=1e-6)
            suspected += math.log(max(1e-9, detector.evidence.m)) > many.suspect_at
    if world.name == "usual":
        assert suspected, "the test has never held the learning: change its seed"
