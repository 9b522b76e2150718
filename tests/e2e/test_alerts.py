"""From verdicts on Kafka to somebody who is told: real Kafka, Faust, Redis, Alertmanager and a webhook's receiver."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from streamer.core.alerts.series import SeriesKey
from tests import alert_feed
from tests.alert_feed import verdict
from tests.e2e.alert_stage import AlertStage

NAMES = (f"alerts{n}" for n in count())
Make = Callable[..., AlertStage]


@pytest.fixture
def make(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Make]:
    stages: list[AlertStage] = []

    def stage(**given: str) -> AlertStage:
        stages.append(AlertStage(next(NAMES), kafka, redis_url, tmp_path, **given))
        return stages[-1]

    yield stage
    for made in stages:
        made.stop()


def series(agent: str, version: str = "1.0") -> str:
    return str(SeriesKey("default", agent, version, alert_feed.JUDGE, alert_feed.JUDGE_VERSION))


def test_counts_are_exact_after_kill_9_of_monitors_at_any_moment(make: Make) -> None:
    stage, now = make(), time.time_ns() // 1_000_000
    first, second = stage.run("monitor"), stage.run("monitor")
    expected = {}
    for part in range(4):
        for agent in range(4):
            values = [
                verdict(f"{agent}-{part}-{n}", now, "unresolved" if n % 5 == 0 else "resolved", agent=f"bot{agent}")
                for n in range(500)
            ]
            stage.publish([*values, *values[:50]], agent)
            expected[series(f"bot{agent}")] = (500 * (part + 1), 100 * (part + 1))
        if part == 1:
            stage.kill(first)
            first = stage.run("monitor")
        elif part == 2:
            stage.kill(second)
    stage.until_counted(expected)
