"""`streamer evaluate` on a real MLflow, Redis and Kafka, with a scripted model: what it says, writes, and pays for.

Rule: the command itself is started in slow tests only, since each start imports MLflow anew.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pyarrow.parquet
import pytest
from confluent_kafka import Producer
from redis import Redis

from streamer.app.evaluating import Report, Wanted, evaluate
from streamer.app.evaluating_sources import Period
from streamer.app.people import feed_records
from streamer.core.tally import Tally
from streamer.core.terms import Terms
from streamer.embedded.scripted_model import ScriptedModel, serve
from streamer.errors import ConfigurationError
from streamer.quiet import QUIET
from streamer.settings import load
from tests.services.kafka import create_topics
from tests.services.waiting import eventually

pytestmark = pytest.mark.real
START_MS = 1_790_000_000_000
ANGRY, GLAD = "My order is late. This is useless!", "Thank you, that works."


class Bench:
    """An experiment, a model with a log, a deployment of its own, and the command."""

    def __init__(self, home: Path, mlflow: str, redis: str, kafka: str) -> None:
        self.home, self.mlflow = home, httpx.Client(base_url=mlflow, timeout=60)
        self.name = f"evaluate-{secrets.token_hex(4)}"
        made = self.mlflow.post("/api/2.0/mlflow/experiments/create", json={"name": self.name})
        self.experiment = made.raise_for_status().json()["experiment_id"]
        self.log = home / "model.jsonl"
        self.model = serve(ScriptedModel(self.log, 0), 0)
        threading.Thread(target=self.model.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.model.server_port}/v1"
        self.environment = {**os.environ, **QUIET, "OPENAI_API_KEY": "none", "OPENAI_API_BASE": url}
        self.environment |= {"OPENAI_BASE_URL": url}
        self.feed = f"{self.name}-feed"
        create_topics(kafka, {self.feed: 1, self.name: 2})
        self.kafka, self.redis = kafka, redis
        self.config = home / "streamer.toml"
        self.config.write_text(
            f'redis = {{url = "{redis}", key_prefix = "{self.name}"}}\n'
            f'mlflow = {{tracking_uri = "{mlflow}", namespace = "{self.name}"}}\n'
            f'kafka = {{bootstrap = "{kafka}", group = "{self.name}"}}\n'
            f'feed = {{topic = "{self.feed}"}}\nhttp = {{port = 0}}\n'
            f'sources = [{{topics = ["{self.name}"], start = "beginning"}}]\n'
            "evaluate = {tokens_per_day = 100000000, usd_per_day = 100.0}\n"
            "sessions = {idle_gap_ms = 900000}\n"
        )

    def trace(self, session: str, at_ms: int, user: str, assistant: str = "I see.") -> str:
        """A trace in MLflow alone; its id."""
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        said = {"gen_ai.input.messages": [("user", user)], "gen_ai.output.messages": [("assistant", assistant)]}
        attributes = {name: json.dumps(_messages(messages)) for name, messages in said.items()}
        attributes |= {"session.id": session, "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        span = {
            "traceId": trace_id,
            "spanId": span_id,
            "name": "chat",
            "startTimeUnixNano": str(at_ms * 10**6),
            "endTimeUnixNano": str((at_ms + 100) * 10**6),
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
        }
        service = {"attributes": [{"key": "service.name", "value": {"stringValue": "support"}}]}
        body = {"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span]}]}]}
        headers = {"x-mlflow-experiment-id": self.experiment, "content-type": "application/json"}
        self.mlflow.post("/v1/traces", json=body, headers=headers).raise_for_status()
        self.last_record = json.dumps(body)
        return trace_id

    def rows(self, trace_id: str) -> list[dict[str, Any]]:
        answer = self.mlflow.get(f"/api/3.0/mlflow/traces/tr-{trace_id}").raise_for_status()
        found: list[dict[str, Any]] = answer.json()["trace"]["trace_info"].get("assessments", [])
        return found

    def in_force(self) -> bool:
        with Redis.from_url(self.redis) as client:
            return bool(client.hget(f"{self.name}:{{00}}:config", "content"))

    def calls(self) -> int:
        return len(self.log.read_text().splitlines())

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streamer", *words, "-c", str(self.config)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    async def judge(self, **wanted: Any) -> dict[str, Any]:
        """What the command would do, in this process."""
        settings = load(self.config)
        model = wanted.pop("model", None)
        specs = tuple(judge.model_copy(update={"model": model} if model else {}).spec() for judge in settings.judges)
        settings = settings.model_copy(
            update={"evaluate": settings.evaluate.model_copy(update=wanted.pop("limits", {}))}
        )
        terms, report = Terms(specs=specs, rules=settings.core_rules(), content=b""), Report(Tally.of(specs))
        place: dict[str, Any] = {} if wanted.keys() & {"topic", "files", "experiment"} else {"experiment": self.name}
        asked = Wanted(terms=terms, **place, **wanted)
        await evaluate(settings, asked, report, lambda what, done, total: None, lambda done, written: None)
        return {**report.tally.as_json(), "ended_by": report.ended_by}

    def command(self, *words: str, code: int = 0) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.run("evaluate", "-e", self.name, "--json", *words, code=code).stdout)
        return said

    def told(self) -> list[dict[str, Any]]:
        """Records of the feed."""
        return list(feed_records(load(self.config), 1_000, follow=False))

    def close(self) -> None:
        self.model.shutdown()
        self.model.server_close()
        self.mlflow.close()


def _messages(messages: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages]


@pytest.fixture
def bench(
    tmp_path: Path, mlflow_url: str, redis_url: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    made = Bench(tmp_path, mlflow_url, redis_url, kafka)
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, made.environment[name])
    try:
        yield made
    finally:
        made.close()


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
