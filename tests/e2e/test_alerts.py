"""From verdicts on Kafka to somebody who is told: real Kafka, Faust, Redis, Alertmanager and a webhook's receiver."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streamer.adapters.kafka import reader as kafka_reader
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.series import SeriesKey
from tests import alert_feed
from tests.alert_feed import verdict
from tests.e2e.alert_stage import AlertStage
from tests.services.alertmanager import AlertmanagerServer
from tests.services.process import Program
from tests.services.receiver import Receiver
from tests.services.waiting import eventually

SCHEMA = json.loads(files("streamer").joinpath("schema/alerts-v1.json").read_text())

NAMES = (f"alerts{n}" for n in count())
Make = Callable[..., AlertStage]


@pytest.fixture
def make(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Make]:
    stages: list[AlertStage] = []

    def stage(**given: Any) -> AlertStage:
        stages.append(AlertStage(next(NAMES), kafka, redis_url, tmp_path, **given))
        return stages[-1]

    yield stage
    for made in stages:
        made.stop()


def series(agent: str, version: str = "1.0") -> str:
    return str(SeriesKey("default", agent, version, alert_feed.JUDGE, alert_feed.JUDGE_VERSION))


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_record_that_cannot_be_set_aside_ends_the_monitor_with_a_sentence_and_is_not_lost(make: Make) -> None:
    stage, now = make(letters=False), time.time_ns() // 1_000_000
    monitor = stage.run("monitor")
    stage.publish([verdict("a", now, "resolved"), b"no JSON", verdict("b", now, "resolved")])
    assert monitor.wait(60) == 2, stage.logs()
    assert "the topic does not exist; create it" in stage.logs()
    assert "Traceback" not in stage.logs()
    stage.create_letters()
    stage.run("monitor")
    stage.until_counted({series("refund-bot"): (2, 0)})
    end_s = time.monotonic() + 20  # counts are kept first, then what could not be read is set aside
    letters: set[bytes | None] = set()
    while not letters and time.monotonic() < end_s:
        letters = {one.value for one in kafka_reader.whole({"bootstrap.servers": stage.kafka}, f"{stage.feed}.dlq")}
    assert letters == {b"no JSON"}


CHANNELS = """
[alerting]
resend_ms = 5000
secrets = {{ hook = "{secret}", dead = "{secret}" }}
[[channels]]
name = "topic"
type = "kafka"
topic = "{topic}"
[[channels]]
name = "hook"
type = "webhook"
url = "{hook}"
[[channels]]
name = "am"
type = "alertmanager"
url = "{alertmanager}"
[[channels]]
name = "dead"
type = "webhook"
url = "http://127.0.0.1:1/"
"""
SECRET = "e2e-secret"
HISTORY_H, PER_HOUR = 14 * 24, 20


def history(now_ms: int) -> list[dict[str, Any]]:
    """Two weeks of a usual share of 5 %, up to an hour ago."""
    times = [now_ms - HISTORY_H * HOUR_MS + n * HOUR_MS // PER_HOUR for n in range((HISTORY_H - 1) * PER_HOUR)]
    return [verdict(f"h{n}", at_ms, "unresolved" if n % 20 == 7 else "resolved") for n, at_ms in enumerate(times)]


def spike(now_ms: int, first: int = 0) -> list[dict[str, Any]]:
    """A release that breaks its conversations, beside the one before it."""
    said: dict[str, Any] = {"published_at_ms": now_ms, "rationale": "The refund <!channel> never arrived."}
    said |= {"models": ["m"], "quote": {"turn": 2, "text": "Where is my refund?"}}
    return [
        verdict(
            f"s{n}",
            now_ms - HOUR_MS + n * 10_000,
            "unresolved" if n % 2 else "resolved",
            version="2.0" if n % 2 else "1.0",
            tools=["lookup", "refund"] if n % 3 else ["lookup"],
            **said,
        )
        for n in range(first, first + 60)
    ]


def recovery(now_ms: int) -> list[dict[str, Any]]:
    return [verdict(f"r{n}", now_ms - HOUR_MS // 2 + n * 1_000, "resolved", published_at_ms=now_ms) for n in range(600)]


@pytest.mark.slow
def test_one_alert_and_one_resolve_though_monitor_and_notify_are_killed_inside_the_episode(
    make: Make, receiver: Receiver, tmp_path: Path
) -> None:
    told = Receiver()  # by Alertmanager
    alertmanager = AlertmanagerServer(tmp_path, told.url)
    alertmanager.start()
    try:
        given = {"hook": receiver.url, "alertmanager": alertmanager.url, "secret": SECRET}
        stage = make(channels=lambda topic: CHANNELS.format(topic=topic, **given))
        now = time.time_ns() // 1_000_000
        monitor, notify = stage.run("monitor"), stage.run("notify")
        stage.publish(history(now))
        stage.until_read(len(history(now)))
        stage.publish(spike(now))
        began = time.monotonic()
        first = eventually(lambda: receiver.got[:1] or None, f"the raise{stage.logs()}", 30)[0]
        assert time.monotonic() - began < 5, "verdict to alert"
        stage.kill(monitor)
        stage.kill(notify)
        stage.publish(spike(now, 60))
        monitor, notify = stage.run("monitor"), stage.run("notify")
        stage.publish(spike(now))  # once more
        eventually(lambda: alertmanager.alerts() or None, "Alertmanager", 10)
        stage.publish(recovery(now))
        eventually(
            lambda: len({one.value["id"] for one in receiver.got}) >= 2 or None, f"the resolve{stage.logs()}", 60
        )
        eventually(lambda: not alertmanager.alerts() or None, "Alertmanager's end", 20)
        assert Counter(one["kind"] for one in unique(receiver)) == {"raise": 1, "resolve": 1}
        check_story(first.value)
        eventually(lambda: len(told.got) >= 2 or None, "what Alertmanager tells of the end", 20)
        assert [one.value["status"] for one in told.got] == ["firing", "resolved"]
        values = [
            json.loads(r.value or b"") for r in kafka_reader.whole({"bootstrap.servers": stage.kafka}, stage.alerts)
        ]
        assert {value["id"] for value in values} == {one["id"] for one in unique(receiver)}
        for value in values:
            jsonschema.Draft202012Validator(SCHEMA).validate(value)
        (episode,) = stage.command("alerts", "list", "--all")["episodes"]
        assert (episode["state"], episode["raises"]) == ("resolved", 1)
        rebuilt_without_a_word(stage, receiver, monitor)
    finally:
        alertmanager.stop()
        told.stop()


def rebuilt_without_a_word(stage: AlertStage, receiver: Receiver, monitor: Program) -> None:
    before, told = stage.counted(), len(unique(receiver))
    monitor.stop()
    eventually(lambda: stage.accepts("monitor", "rebuild") or None, "the group to be empty", 20)
    planned = stage.command("monitor", "rebuild")
    assert planned["dry_run"]
    assert stage.counted() == before
    assert stage.command("monitor", "rebuild", "--yes")["folded"] == planned["records"]
    assert stage.counted() == before
    stage.run("monitor")
    time.sleep(5)
    assert len(unique(receiver)) == told


def unique(receiver: Receiver) -> list[dict[str, Any]]:
    """Repetitions have the same id: a receiver drops them."""
    return list({one.value["id"]: one.value for one in receiver.got}.values())


def check_story(value: dict[str, Any]) -> None:
    assert value["share"] > 3 * value["baseline"]
    assert value["explained_by"]["value"] == "2.0"
    assert value["new_version"] == "2.0"
    assert "refund" in value["reasons"][0]["words"]
    assert [(one["quote"], one["turn"]) for one in value["examples"]] == [("Where is my refund?", 2)] * 3
    assert value["links"][0].endswith(value["examples"][0]["trace_id"])
