"""SIGHUP: a changed file is in force without a restart, and a wrong one changes nothing."""

import asyncio
import io
import json
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import Judging, Process
from streamer.app.ending import Ending
from streamer.app.reloading import changed, reload, reload_on_hangup
from streamer.core.judges import JudgeSpec
from streamer.loops.in_force import InForce
from streamer.settings import load
from streamer.web.state import Health
from tests.loops.bench import Bench

JUDGES = '[[judges]]\ntype = "user_frustration"\n'


class Ready:
    """Judges that remember which ones were made ready."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def make_ready(self, specs: Collection[JudgeSpec]) -> None:
        self.names = [spec.name for spec in specs]


class Running:
    """A judge process, as far as a reload knows it."""

    def __init__(self, file: Path) -> None:
        self.file, self.log, self.bench, self.judges = file, io.StringIO(), Bench(), Ready()
        file.write_text(JUDGES)
        clock = SystemClock()
        journal, metrics = JsonJournal(clock, "info", "json", self.log), PrometheusMetrics()
        settings = load(file, {})
        self.process = Process(
            settings=settings,
            clock=clock,
            metrics=metrics,
            journal=journal,
            tasks=AsyncioTasks(),
            health=Health(clock, [], []),
            ending=Ending(clock, journal, 9_000),
        )
        self.in_force = InForce(self.bench.store, settings.terms(), metrics, journal)
        self.process.judging = Judging(self.in_force, cast(MlflowJudges, self.judges))

    async def reloads(self, text: str) -> None:
        self.file.write_text(text)
        await reload(self.process, lambda: load(self.file, {}))

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    def value(self, name: str) -> float | None:
        return self.process.metrics.registry.get_sample_value(f"streamer_{name}")


@pytest.fixture
async def running(tmp_path: Path) -> Running:
    return Running(tmp_path / "streamer.toml")


@pytest.fixture
def hangup() -> Iterator[None]:
    """Whatever SIGHUP did before, it does again."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


async def test_a_changed_rule_is_a_new_generation_with_a_hash(running: Running) -> None:
    await running.in_force.tell()
    await running.reloads(f'{JUDGES}[[rules]]\nservice = "voice"\nsampling = 0.1\nidle_gap_ms = "2m"')
    assert running.in_force.number == 2
    assert [rule.name for rule in running.in_force.terms.rules] == ["rules[0]", "default"]
    assert running.process.settings.limits().gap_ms_min == 120_000
    (line,) = running.said("reloaded")
    assert (line["hash"], line["needs_restart"]) == (running.in_force.terms.hash, [])
    assert [said["generation"] for said in running.said("configuration")] == [1, 2]
    assert running.value("configuration_generation") == 2
    assert running.value("configuration_hash") == int(running.in_force.terms.hash, 16)
    assert running.value("reload_ok") == 1


async def test_a_new_judge_is_made_ready_before_it_is_in_force(running: Running) -> None:
    await running.reloads(f'{JUDGES}[[judges]]\ntype = "conversational_safety"\n')
    assert running.judges.names == ["user_frustration", "conversational_safety"]
    assert [spec.name for spec in running.in_force.terms.specs] == running.judges.names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[rules]\n", "is no TOML"),
        (f'{JUDGES}[[rules]]\njudges = ["frustration"]', "names no judge with its entry 1"),
        ('[[judges]]\ntype = "user_frustration"\nmodel = "opnai:/m"', "opnai"),
    ],
)
async def test_a_wrong_file_changes_nothing_and_says_why(running: Running, text: str, why: str) -> None:
    await running.in_force.tell()
    before = running.process.settings
    await running.reloads(text)
    assert (running.in_force.number, running.process.settings) == (1, before)
    (line,) = running.said("reload_refused")
    assert why in line["cause"]
    assert running.value("reload_ok") == 0
    await running.reloads(JUDGES)
    assert running.value("reload_ok") == 1


async def test_what_needs_a_restart_is_named_and_not_taken(running: Running) -> None:
    await running.reloads(f'{JUDGES}[kafka]\ngroup = "other"\n[sessions]\nidle_gap_ms = "5m"\nlate_ms = "1m"')
    (line,) = running.said("reloaded")
    assert (line["level"], line["needs_restart"]) == ("warning", ["kafka.group", "sessions.late_ms"])
    settings = running.process.settings
    assert (settings.kafka.group, settings.sessions.late_ms) == ("streamer", 600_000)
    assert settings.sessions.idle_gap_ms == 300_000
    assert changed(settings, load(running.file, {})) == {"kafka.group", "sessions.late_ms"}


async def test_the_signal_asks_for_it(running: Running, hangup: None) -> None:
    reload_on_hangup(running.process, lambda: load(running.file, {}))
    step = running.process.loops["reload"]
    await step()
    assert not running.said("reloaded")
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    await step()
    assert len(running.said("reloaded")) == 1
    await step()
    assert len(running.said("reloaded")) == 1
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
