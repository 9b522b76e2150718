"""`streamer ingest` as a process, on a topic of garbage: what is seen from outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import confluent_kafka as ck
import pytest

from tests.contract.brokers import unique
from tests.services.kafka import create_topics
from tests.services.waiting import eventually

pytestmark = pytest.mark.real


def run(config: Path, *words: str, within_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamer", *words, "-c", str(config)]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False, timeout=within_s)


def configured(home: Path, kafka: str, redis_url: str, topics: list[str]) -> Path:
    file = home / "streamer.toml"
    file.write_text(
        f'[kafka]\nbootstrap = "{kafka}"\ngroup = "{unique()}"\n[redis]\nurl = "{redis_url}"\n'
        f'key_prefix = "{unique()}"\n[[sources]]\ntopics = {topics}\nstart = "beginning"\n[http]\nport = 0\n'
        "[sessions]\nredis_loss_window_ms = 500\n"
    )
    return file


def garbage_on(kafka: str, topic: str) -> None:
    producer = ck.Producer({"bootstrap.servers": kafka, "log_level": 2})
    for n in range(400):
        producer.produce(topic, b"garbage %d" % n)
    assert producer.flush(20) == 0


def test_the_only_topic_of_a_process_ends_it_with_a_sentence(kafka: str, redis_url: str, tmp_path: Path) -> None:
    topic = f"fuse-{unique()}"
    create_topics(kafka, {topic: 1, f"{topic}.dlq": 1})
    garbage_on(kafka, topic)
    done = run(configured(tmp_path, kafka, redis_url, [topic]), "ingest")
    assert done.returncode == 1
    said = f"streamer: nothing could be decoded in 100 of the last 100 records of {topic}, and no other topic is left"
    assert said in done.stderr
    assert done.stderr.count("fuse_blown") == 1
    assert "Traceback" not in done.stderr


def test_beside_another_topic_it_is_paused_and_status_says_so(kafka: str, redis_url: str, tmp_path: Path) -> None:
    bad, good = f"fuse-{unique()}", f"fuse-{unique()}"
    create_topics(kafka, {bad: 1, f"{bad}.dlq": 1, good: 1})
    garbage_on(kafka, bad)
    config = configured(tmp_path, kafka, redis_url, [bad, good])
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "streamer", "ingest", "-c", str(config)], stderr=log)
        try:
            said = f"not {bad}: hardly anything on it can be decoded (streamer dlq list)"
            eventually(lambda: said in " ".join(run(config, "status", "--json").stdout.split()), "status", 60)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(20)
    assert (tmp_path / "log").read_text().count("fuse_blown") == 1
    listed = json.loads(run(config, "dlq", "list", "--json").stdout)
    assert listed["totals"]["unreadable"] >= 100
    assert {letter["topic"] for letter in listed["letters"]} == {bad}
