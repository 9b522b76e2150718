"""A real MLflow tracking server on SQLite, or the one that MLFLOW_TRACKING_URI names."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from streamer.embedded.stand_ins import QUIET
from tests.services.process import Program, free_port


class MlflowServer:
    """Database and artifacts in `home`; stopped and started again it keeps its port and its traces."""

    def __init__(self, home: Path, port: int = 0, backend_store_uri: str | None = None) -> None:
        self.port = port or free_port()
        store = backend_store_uri or f"sqlite:///{home / 'mlflow.db'}"
        # fmt: off
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", store, "--artifacts-destination", str(home / "artifacts"),
        ]
        # fmt: on
        # Without QUIET the server hangs at its start where litellm cannot fetch its price list.
        self.program = Program("mlflow", command, home, QUIET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "MlflowServer":
        self.program.start(self._answers, timeout_s=120)
        return self

    def stop(self) -> None:
        self.program.stop()

    def _answers(self) -> bool:
        try:
            # Plain HTTP: reading the certificates at every look would cost more CPU than the server's start.
            return httpx.get(f"{self.url}/health", timeout=2, verify=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Shared by all tests: each makes its own experiment."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if given:
        yield given
        return
    server = MlflowServer(tmp_path_factory.mktemp("mlflow")).start()
    try:
        yield server.url
    finally:
        server.stop()
