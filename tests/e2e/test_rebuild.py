"""Redis is emptied under a deployment that has judged: real services, and the commands as people run them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streamer.adapters.system_clock import SystemClock
from streamer.embedded.demo.stage import FEED, TOPIC, Stage
from tests.e2e.test_chain import row_at, rows_of
from tests.services.kafka import create_topics
from tests.services.redis import RedisServer
from tests.services.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.real]
SESSIONS = [f"lost-{n}" for n in range(8)]
LIVE = "lost-open"


@pytest.fixture
def stage(kafka: str, redis_server: RedisServer, mlflow_url: str, tmp_path: Any) -> Iterator[Stage]:
    create_topics(kafka, {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1})
    with pytest.MonkeyPatch.context() as environment:
        given = {"KAFKA": kafka, "REDIS_URL": redis_server.url, "MLFLOW_TRACKING_URI": mlflow_url}
        for name, value in given.items():
            environment.setenv(name, value)
        for name in ("OPENAI_API_KEY", "DEMO_MODEL"):
            environment.delenv(name, raising=False)
        with Stage(tmp_path, print) as stage:
            yield stage


def rebuild(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    """From the stage's beginning: the topic holds sessions of other tests, which this deployment would judge."""
    since = f"{SystemClock().now_ms() // 1_000 - int(stage.config.stat().st_mtime)}s"
    command = [sys.executable, "-m", "streamer", "rebuild", "--from", since, *words, "-c", str(stage.config)]
    return subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_redis_is_lost_and_made_again_without_a_call_a_second_row_or_an_old_verdict_told_as_news(
    stage: Stage, redis_server: RedisServer
) -> None:
    for session in SESSIONS:
        stage.turn(session, "My order is late. This is useless!", "I am sorry.")
        stage.turn(session, "Still not here.", "Tomorrow.")
    for session in SESSIONS:
        row_at(stage, session, 1)
    stage.turn(SESSIONS[1], "It came. Thank you!", "Great.")
    row_at(stage, SESSIONS[1], 2)
    before = {row["assessment_id"]: row for row in stage.rows()}
    calls = stage.model_calls()
    refused = rebuild(stage, "--yes")
    assert refused.returncode == 2
    assert "it was not lost" in refused.stderr

    stage.turn(LIVE, "Is anybody there?", "Yes.")
    time.sleep(1)  # its spans reach Kafka, and it is still open
    with redis_server.client() as client:
        client.flushall()
    eventually(lambda: (stage.ingest.wait(1) and stage.judge.wait(1)) or None, "both roles end", 60)
    stage.kill_ingest()
    stage.kill_judge()  # no more than forgetting them: they have ended
    would = said(rebuild(stage, "--json"))
    assert would["sessions"] >= len(SESSIONS) + 1
    assert would["topics"][TOPIC]["records"] > 0
    with redis_server.client() as client:
        assert not list(client.scan_iter("*:s:*"))
    made = said(rebuild(stage, "--yes", "--json"))
    assert made["sessions"]["unchanged"] == len(SESSIONS)

    told = len(stage.feed())
    stage.restart_ingest()
    stage.restart_judge()
    row_at(stage, LIVE, 1)
    stage.turn(SESSIONS[1], "It is broken! Useless.", "Oh no.")
    again = row_at(stage, SESSIONS[1], 3)
    assert [past["revision"] for past in json.loads(again["metadata"]["streamer.history"])] == [1, 2]
    after = {row["assessment_id"]: row for row in stage.rows()}
    assert {name: len(rows_of(stage, name)) for name in (*SESSIONS, LIVE)} == dict.fromkeys((*SESSIONS, LIVE), 1)
    unchanged = before.keys() - {again["assessment_id"]}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert sum((stage.model_calls() - calls).values()) == 2
    assert {value["session"]["id"] for value in stage.feed()[told:]} <= {LIVE, SESSIONS[1]}


def test_no_worker_starts_during_a_rebuild_and_none_is_rebuilt_under(stage: Stage, redis_server: RedisServer) -> None:
    stage.turn("rb-1", "Where is my order?", "At your door.")
    row_at(stage, "rb-1", 1)
    stage.judge.stop()
    prefix = stage.run
    with redis_server.client() as client:
        refused = rebuild(stage, "--yes", "--discard")
        assert refused.returncode == 2
        assert "still reads" in refused.stderr
        assert not client.exists(f"{prefix}:rebuild")
        stage.ingest.stop()
        client.hset(f"{prefix}:rebuild", "from", "1h")  # as one that was stopped leaves it
        for role in ("ingest", "judge"):
            command = [sys.executable, "-m", "streamer", role, "-c", str(stage.config)]
            done = subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)
            assert done.returncode == 2
            assert "Redis is being rebuilt" in done.stderr
        assert said(rebuild(stage, "--yes", "--discard", "--json"))["sessions"]["unchanged"] >= 1
        assert not client.exists(f"{prefix}:rebuild")
    stage.restart_ingest()
    stage.restart_judge()
    stage.turn("rb-1", "Thank you!", "You are welcome.")
    row_at(stage, "rb-1", 2)
