"""A real redis-server, configured as docker-compose.yml configures it, or the one that REDIS_URL names."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.process import Program, free_port

# The same words stand in docker-compose.yml: streamer refuses a Redis that evicts.
OPTIONS = ("--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction")


class RedisServer:
    """Data in `home`; killed and started again it keeps its port and what it had written."""

    def __init__(self, home: Path, port: int = 0) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise RuntimeError("redis-server is not on the PATH: install it, or set REDIS_URL")
        self.port = port or free_port()
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home), "--save", "", *OPTIONS]
        self.program = Program("redis", command, home)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        self.program.start(self._answers, timeout_s=20)
        return self

    def stop(self) -> None:
        self.program.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Shared by all tests: each takes its own key prefix or flushes what it wrote."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given
        return
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    try:
        yield server.url
    finally:
        server.stop()
