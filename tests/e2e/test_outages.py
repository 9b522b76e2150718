"""Kafka, Redis and MLflow are killed while streamer runs, and come back: it waits, says so, and loses nothing."""

import os
import time
from collections.abc import Iterator
from functools import partial

import pytest

from streamer.embedded.demo.stage import FEED, TOPIC, Stage
from tests.e2e.test_chain import rows_of
from tests.services.kafka import KafkaServer, create_topics
from tests.services.mlflow import MlflowServer
from tests.services.redis import RedisServer
from tests.services.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.real]
SERVICES = ("redis", "kafka", "mlflow")
WAIT_S = 120


class Killable:
    """The three services, each to be killed and started again on its port."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self.kafka = KafkaServer(factory.mktemp("kafka")).start()
        self.redis = RedisServer(factory.mktemp("redis")).start()
        self.mlflow = MlflowServer(factory.mktemp("mlflow")).start()

    def addresses(self) -> dict[str, str]:
        return {"KAFKA": self.kafka.bootstrap, "REDIS_URL": self.redis.url, "MLFLOW_TRACKING_URI": self.mlflow.url}

    def stop(self) -> None:
        for name in SERVICES:
            getattr(self, name).stop()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    made = Killable(tmp_path_factory)
    create_topics(made.kafka.bootstrap, {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stage(services: Killable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in services.addresses().items():
            environment.setenv(name, value)
        for name in ("OPENAI_API_KEY", "DEMO_MODEL"):
            environment.delenv(name, raising=False)
        with Stage(tmp_path_factory.mktemp("stage"), print) as made:
            yield made


@pytest.mark.parametrize("down", SERVICES)
def test_a_service_that_is_killed_and_comes_back_costs_no_verdict(stage: Stage, services: Killable, down: str) -> None:
    before, after = f"out-{down}-before", f"out-{down}-after"
    logs = {"redis": stage.ingest.log, "kafka": stage.ingest.log, "mlflow": stage.judge.log}
    known = logs[down].stat().st_size
    pids = (stage.ingest.pid, stage.judge.pid)
    stage.turn(before, "Where is my order?", "At your door.")
    time.sleep(1)  # its spans are exported in batches of 100 ms, and reach MLflow after Kafka
    getattr(services, down).stop()

    def said(event: str) -> bool:
        return f'{event} service="{down}"' in logs[down].read_text()[known:]

    eventually(lambda: said("service_down") or None, f"{down} is said to be down", WAIT_S)
    getattr(services, down).start()
    eventually(lambda: said("service_up") or None, f"{down} is said to be back", WAIT_S)
    stage.turn(after, "This is useless!", "I am sorry.")
    for session in (before, after):
        eventually(partial(rows_of, stage, session), f"the verdict of {session}", WAIT_S)
    assert {session: len(rows_of(stage, session)) for session in (before, after)} == {before: 1, after: 1}
    for pid in pids:
        os.kill(pid, 0)  # the same processes as before
