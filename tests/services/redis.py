"""A real redis-server, configured as docker-compose.yml configures it, or the one that REDIS_URL names."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisDown
from redis.retry import Retry

from tests.services.process import Program, free_port

# The same words stand in docker-compose.yml: an evicting Redis is refused, and a listpack holds a turn in less.
OPTIONS = (
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--maxmemory-policy",
    "noeviction",
    "--hash-max-ziplist-value",
    "8192",
)


class RedisServer:
    """Data in `home`; killed and started again it keeps its port and what it had written."""

    def __init__(
        self,
        home: Path,
        binary: str = "redis-server",
        options: Sequence[str] = OPTIONS,
        config: Path | None = None,
    ) -> None:
        """`config`: a file that the server, a Sentinel, writes to as well."""
        found = shutil.which(binary)
        if found is None:
            raise RuntimeError(f"{binary} is not on the PATH: install it, or set REDIS_URL")
        self.port = free_port()
        self.bus_port = ""
        """Of a node of a cluster."""
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home)]
        command = [found, *([str(config)] if config else ["--save", ""]), *own, *options]
        self.program = Program("redis", command, home)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        self.program.start(self._answers, timeout_s=20)
        return self

    def stop(self) -> None:
        self.program.stop()

    def kill(self) -> None:
        self.program.stop(signal.SIGKILL)

    def client(self) -> Redis:
        """Waits up to 10 s for the server to answer."""
        patient = Retry(ConstantBackoff(0.05), 200)
        return Redis.from_url(self.url, retry=patient, retry_on_error=[RedisDown, BusyLoadingError])

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that tests may flush: never the one that REDIS_URL names."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Shared by all tests, each with a key prefix of its own; nobody flushes it."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given
        return
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    try:
        yield server.url
    finally:
        server.stop()
