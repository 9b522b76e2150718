"""A Kafka that hangs (its process is stopped, its connections stay open) is no reason to restart streamer, and does not
keep it from stopping."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streamer.embedded.program import free_port
from tests.services.kafka import KafkaServer, create_topics
from tests.services.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.real]
HANGS_S = 65
"""Longer than /livez lets a loop be silent, and than librdkafka's own patience with a request."""
GRACE_S = 30
"""Kubernetes' default between SIGTERM and SIGKILL."""
CONFIG = """[kafka]
bootstrap = "{kafka}"
[redis]
url = "{redis}"
key_prefix = "hanging"
[mlflow]
tracking_uri = "{mlflow}"
[http]
port = {port}
"""


@pytest.fixture
def kafka_that_hangs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    server = KafkaServer(tmp_path_factory.mktemp("kafka-hanging")).start()
    create_topics(server.bootstrap, {"otlp_spans": 4, "assessments": 2, "otlp_spans.dlq": 1})
    yield server
    os.kill(server.program.pid, signal.SIGCONT)
    server.stop()


def test_a_kafka_that_hangs_is_waited_for_and_does_not_keep_us_from_stopping(
    kafka_that_hangs: KafkaServer, redis_url: str, mlflow_url: str, tmp_path: Path
) -> None:
    port, config, log = free_port(), tmp_path / "streamer.toml", tmp_path / "log"
    config.write_text(CONFIG.format(kafka=kafka_that_hangs.bootstrap, redis=redis_url, mlflow=mlflow_url, port=port))
    environment = {**os.environ, "OPENAI_API_KEY": "none"}
    with log.open("w") as out, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as http:
        command = [sys.executable, "-m", "streamer", "run", "-c", str(config)]
        with subprocess.Popen(command, stderr=out, env=environment) as process:
            try:
                eventually(lambda: _status(http, "/readyz") == 200 or None, "streamer is ready", 90)
                time.sleep(5)  # it has joined its group
                os.kill(kafka_that_hangs.program.pid, signal.SIGSTOP)
                for _ in range(HANGS_S):
                    assert _status(http, "/livez") == 200
                    time.sleep(1)
                assert http.get("/readyz").json()["down"].keys() == {"kafka"}
                process.terminate()
                assert process.wait(GRACE_S) == 0, log.read_text()[-3000:]
            finally:
                process.kill()
    assert "Traceback" not in log.read_text()


def _status(http: httpx.Client, path: str) -> int:
    try:
        return http.get(path).status_code
    except httpx.TransportError:
        return 0
