"""A real Redis of its own for each test module that asks, killed by its process id."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisDown
from redis.retry import Retry

LOCAL = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as s:
        s.bind((LOCAL, 0))
        port: int = s.getsockname()[1]
        return port


class RedisServer:
    """One redis-server with an append-only file in a directory of its own."""

    def __init__(self, program: str, *options: str) -> None:
        self.program, self.options = program, options
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="streamer-redis-"))
        self.url = f"redis://{LOCAL}:{self.port}/0"
        self.start()

    def start(self) -> None:
        fixed = [
            "--port",
            str(self.port),
            "--bind",
            LOCAL,
            "--dir",
            str(self.folder),
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        self.process = subprocess.Popen([self.program, *fixed, *self.options], stdout=subprocess.DEVNULL)
        with self.client() as client:
            client.ping()

    def client(self) -> Redis:
        """Waits up to 10 s for the server to answer."""
        patient = Retry(ConstantBackoff(0.05), 200)
        return Redis.from_url(self.url, retry=patient, retry_on_error=[RedisDown, BusyLoadingError])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer("redis-server")
    yield server
    server.close()
