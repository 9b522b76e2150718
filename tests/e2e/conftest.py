"""The demo's stage on real services: streamer's own processes, a traced agent, a scripted model."""

from collections.abc import Iterator

import pytest

from streamer.embedded.demo.stage import FEED, TOPIC, Stage
from tests.services.kafka import create_topics


@pytest.fixture(scope="module")
def stage(kafka: str, redis_url: str, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    create_topics(kafka, {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1, f"{FEED}.dlq": 1})
    with pytest.MonkeyPatch.context() as environment:
        given = {"KAFKA": kafka, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": mlflow_url}
        for name, value in given.items():
            environment.setenv(name, value)
        for name in ("OPENAI_API_KEY", "DEMO_MODEL"):
            environment.delenv(name, raising=False)
        with Stage(tmp_path_factory.mktemp("stage"), print) as stage:
            yield stage
