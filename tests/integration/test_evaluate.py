"""`streamer evaluate` on a real MLflow, Redis and Kafka, with a scripted model: what it says, writes, and pays for.

Rule: the command itself is started in slow tests only, since each start imports MLflow anew.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from typing import Any
from xml.etree import ElementTree

import httpx
import pyarrow.parquet
import pytest
from confluent_kafka import Producer

from streamer.app.alert_testing import lines_in_mlflow
from streamer.app.evaluating_sources import Period
from streamer.errors import ConfigurationError
from streamer.settings import load
from tests.evaluate_bench import ANGRY, GLAD, START_MS, Bench
from tests.services.waiting import eventually

pytestmark = pytest.mark.real


def two_sessions(bench: Bench) -> tuple[str, str]:
    """One that ends badly and one that ends well; their first traces."""
    bad = bench.trace("bad", START_MS, ANGRY)
    bench.trace("bad", START_MS + 60_000, "Still not here.")
    good = bench.trace("good", START_MS + 1_000, "Where is it?")
    bench.trace("good", START_MS + 61_000, GLAD)
    return bad, good


def values(said: dict[str, Any]) -> dict[str, int]:
    [judge] = said["judges"]
    return {one["value"]: one["sessions"] for one in judge["values"]}


async def test_it_says_then_writes_by_the_live_path_and_nothing_doubles(bench: Bench) -> None:
    bad, _ = two_sessions(bench)
    cost = await bench.judge(dry_run=True)
    assert (cost["sessions"], cost["calls"], bench.calls()) == (2, 2, 0)
    assert cost["cost_usd"] > 0
    assert values(await bench.judge()) == {"unresolved": 1, "none": 1}
    assert bench.calls() == 2
    assert bench.rows(bad) == []

    first = await bench.judge(write=True)
    assert (first["written"], bench.calls()) == ({"written": 2}, 2)
    [row] = bench.rows(bad)
    assert row["feedback"]["value"] == "unresolved"
    assert row["metadata"]["streamer.turns"] == "2"
    again = await bench.judge(write=True)
    assert (again["written"], again["judges"][0]["stood"], bench.calls()) == ({"stood": 2}, 2, 2)
    assert bench.rows(bad) == [row]
    told = bench.told()
    assert {(one["kind"], one["origin"]) for one in told} == {("verdict", "backfill"), ("closing", "backfill")}
    assert len(told) == 4
    assert {one["service"] for one in told} == {"support"}


async def test_redis_was_lost_and_rows_in_mlflow_still_tell_what_stands(bench: Bench) -> None:
    bad, _ = two_sessions(bench)
    await bench.judge(write=True)
    [row] = bench.rows(bad)
    bench.config.write_text(
        bench.config.read_text().replace(f'key_prefix = "{bench.name}"', f'key_prefix = "{bench.name}x"')
    )
    again = await bench.judge(write=True)
    assert (again["written"], bench.calls()) == ({"stood": 2}, 2)
    bench.trace("bad", START_MS + 120_000, GLAD)
    grown = await bench.judge(write=True)
    assert grown["written"] == {"written": 1, "stood": 1}
    [newer] = bench.rows(bad)
    assert (newer["assessment_id"], newer["feedback"]["value"]) == (row["assessment_id"], "resolved")
    assert newer["metadata"]["streamer.revision"] == "2"


async def test_one_session_the_period_the_filter_and_a_session_that_straddles_it(bench: Bench) -> None:
    two_sessions(bench)
    bench.trace("later", START_MS + 3_600_000, ANGRY)
    assert values(await bench.judge(session="good")) == {"none": 1}
    some = await bench.judge(period=Period(START_MS + 61_000))
    assert (some["sessions"], some["turns"]) == (2, 3)  # the good one whole, though it began before
    assert (await bench.judge(period=Period(None, START_MS)))["sessions"] == 0
    assert (await bench.judge(filter="name = 'nothing'"))["sessions"] == 0
    assert (await bench.judge(limit=1))["sessions"] == 1
    with pytest.raises(ConfigurationError, match="nobody"):
        await bench.judge(session="nobody")
    with pytest.raises(ConfigurationError, match="--filter"):
        await bench.judge(filter="nonsense here")
    with pytest.raises(ConfigurationError, match="no experiment"):
        await bench.judge(experiment="nowhere")


def test_a_history_of_verdicts_is_read_from_mlflow_a_page_at_a_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_sessions(bench)
    asyncio.run(bench.judge(write=True))
    monkeypatch.setattr("streamer.adapters.mlflow_assessments.PAGE", 1)
    lines = lines_in_mlflow(load(bench.config), bench.experiment)
    first = json.loads(next(lines)[1])
    bench.trace("bad", START_MS + 200_000, GLAD)  # it is still being read
    rest = [json.loads(line) for _, line in lines]
    assert {one["session"]["id"]: one["value"] for one in (first, *rest)} == {"bad": "unresolved", "good": "none"}
    lines = lines_in_mlflow(load(bench.config), bench.experiment)
    next(lines)
    del lines  # somebody stops in the middle


async def test_a_judge_s_noise_and_a_spending_limit(bench: Bench) -> None:
    two_sessions(bench)
    said = await bench.judge(times=3)
    assert bench.calls() == 6
    assert said["judges"][0]["agreement_with_itself"] == 1.0
    assert said["judges"][0]["asked_several_times"] == 2
    broke = await bench.judge(model="openai:/gpt-4o-mini", limits={"usd_per_day": 0.0})
    assert "usd_per_day" in broke["ended_by"]
    assert bench.calls() == 6


async def test_records_of_a_topic_and_of_a_file_are_judged_alike(bench: Bench) -> None:
    bench.trace("from-kafka", START_MS, ANGRY)
    producer = Producer({"bootstrap.servers": bench.kafka})
    producer.produce(bench.name, bench.last_record.encode())
    assert producer.flush(10) == 0
    file = bench.home / "records.jsonl"
    file.write_text(bench.last_record + "\n")
    for where in ({"topic": bench.name}, {"files": (file,)}):
        assert values(await bench.judge(**where)) == {"unresolved": 1}
    assert bench.calls() == 1  # the same session, the same words
    assert (await bench.judge())["judges"][0]["calls"] == 0


@pytest.mark.slow
def test_the_command_its_gate_and_its_report(bench: Bench) -> None:
    two_sessions(bench)
    file = bench.home / "j.xml"
    said = bench.command("--fail-under", "user_frustration=0.9", "--junit", str(file), code=3)
    assert values(said) == {"unresolved": 1, "none": 1}
    suite = ElementTree.parse(file).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    parquet = bench.home / "v.parquet"
    assert "unresolved" in bench.run("evaluate", "-e", bench.name, "--parquet", str(parquet)).stdout
    assert pyarrow.parquet.read_table(parquet).num_rows == 2
    assert "Traceback" not in bench.run("evaluate", "-e", "nowhere", code=2).stderr


@pytest.mark.slow
def test_another_definition_needs_replace_and_what_stood_goes_to_the_history(bench: Bench) -> None:
    bad, _ = two_sessions(bench)
    bench.command("--write")
    command = [sys.executable, "-m", "streamer", "judge", "-c", str(bench.config)]
    live = subprocess.Popen(command, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: bench.in_force() or None, "a judge's configuration", 60)
        refused = bench.run("evaluate", "-e", bench.name, "-m", "openai:/gpt-4o-mini", "--write", code=2)
        assert "--replace" in refused.stderr
        assert bench.calls() == 2
        said = bench.command("-m", "openai:/gpt-4o-mini", "--write", "--replace")
        assert said["written"] == {"written": 2}
        assert bench.calls() == 4
        [row] = bench.rows(bad)
        assert row["metadata"]["streamer.revision"] == "2"
        [past] = json.loads(row["metadata"]["streamer.history"])
        assert (past["revision"], past["value"]) == (1, "unresolved")
        time.sleep(2)  # the live worker leaves it alone
        assert bench.calls() == 4
        assert bench.rows(bad) == [row]
    finally:
        live.send_signal(signal.SIGTERM)
        live.wait(20)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_pays_for_no_answer_twice(bench: Bench) -> None:
    for n in range(30):
        bench.trace(f"session {n}", START_MS + n, f"{ANGRY} {n}")
    httpx.post(f"http://127.0.0.1:{bench.model.server_port}/faults", json={"latency_ms": 300}).raise_for_status()
    command = [sys.executable, "-m", "streamer", "evaluate", "-e", bench.name, "--write", "-c", str(bench.config)]
    running = subprocess.Popen(command, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: bench.calls() >= 10 or None, "some calls", 60)
    running.kill()
    running.wait()
    before = bench.calls()
    said = bench.command("--write")
    assert said["sessions"] == 30
    in_flight = 8
    assert bench.calls() <= 30 + in_flight
    assert said["judges"][0]["calls"] + said["judges"][0]["stood"] <= 30
    assert said["judges"][0]["calls"] <= 30 - (before - in_flight)
    eventually(lambda: bench.command("--write")["written"] == {"stood": 30} or None, "all of them written", 60)
    for session in ("session 0", "session 29"):
        found = bench.mlflow.post(
            "/api/3.0/mlflow/traces/search",
            json={
                "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": bench.experiment}}],
                "filter": f"metadata.`mlflow.trace.session` = '{session}'",
            },
        ).json()["traces"]
        assert [len(one.get("assessments", [])) for one in found] == [1]
