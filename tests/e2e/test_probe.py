"""`streamer probe` on real services: it comes back, or says what it waits for, and leaves nothing behind."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from streamer.embedded.demo.stage import JUDGE, Stage
from streamer.embedded.program import free_port
from tests.services.waiting import eventually

SCHEMA = json.loads((files("streamer") / "schema" / "assessments-v1.json").read_text())


def probe(stage: Stage, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streamer", "probe", *words, "-c", str(stage.config)]
    return subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)


def told_of(stage: Stage, session: str) -> list[dict[str, Any]]:
    return [value for value in stage.feed() if value["session"]["id"] == session]


def test_through_a_collector_it_ends_at_the_row_and_is_gone_afterwards(stage: Stage) -> None:
    calls, rows = sum(stage.model_calls().values()), len(stage.rows())
    done = probe(stage, "--through", stage.collector.endpoint, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["ok"], said["problem"], said["verdicts"]) == (True, "", {JUDGE: "none"})
    steps = [step["name"] for step in said["steps"]]
    assert steps == ["taken by the Collector", "saved in Redis", "verdict on the feed", "rows in MLflow", "taken back"]
    seconds = [step["seconds"] for step in said["steps"]]
    assert seconds == sorted(seconds)
    assert sum(stage.model_calls().values()) == calls + 1
    assert len(stage.rows()) == rows
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{stage.mlflow}/api/3.0/mlflow/traces/tr-{said['trace_id']}", timeout=10)
    told = told_of(stage, said["session_id"])
    assert {value["kind"] for value in told} == {"verdict", "closing", "retracted"}
    assert {value["origin"] for value in told} == {"probe"}
    for value in told:
        jsonschema.validate(value, SCHEMA)


def test_through_kafka_it_says_each_step_to_a_reader(stage: Stage) -> None:
    done = probe(stage)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "at most 1 model call (user_frustration)" in done.stdout
    for words in ("on Kafka", "saved in Redis", "verdict on the feed", "user_frustration: none", "taken back", "yes: "):
        assert words in done.stdout


def test_one_that_does_not_come_back_says_what_it_waits_for(stage: Stage) -> None:
    stage.freeze_judge()
    try:
        done = probe(stage, "--timeout", "3s")
    finally:
        stage.thaw_judge()
    assert done.returncode == 1
    assert "no: no verdict yet: " in done.stdout
    assert "waits for user_frustration" in done.stdout


def test_a_collector_that_is_not_there_is_a_sentence(stage: Stage) -> None:
    done = probe(stage, "--through", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "does not answer (ConnectError): does a Collector run?" in done.stderr
    assert "Traceback" not in done.stderr


def metrics(port: int) -> dict[str, float]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as page:
            lines = [line for line in page.read().decode().splitlines() if line and line[0] != "#"]
    except (urllib.error.URLError, OSError):
        return {}
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.slow
def test_its_heartbeat_beats_until_it_is_stopped(stage: Stage) -> None:
    port = free_port()
    words = ["probe", "--every", "1s", "--port", str(port), "-c", str(stage.config)]
    command = [sys.executable, "-m", "streamer", *words]
    with subprocess.Popen(command, env=stage.environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            succeeded = 'streamer_probes_total{outcome="succeeded"}'
            now = eventually(lambda: now if (now := metrics(port)).get(succeeded, 0) >= 1 else None, "a probe")
            assert now["streamer_probe_success_timestamp_seconds"] > 1e9
            assert now['streamer_probe_step_seconds{step="verdict on the feed"}'] > 0
            assert not any("verdicts_total{" in name for name in now)
        finally:
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "came back after" in said
