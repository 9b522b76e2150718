"""A real MLflow tracking server on SQLite, or the one that MLFLOW_TRACKING_URI names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.embedded.stand_ins import START_S_MAX, is_healthy, mlflow_server


class MlflowServer:
    """Database and artifacts in `home`; stopped and started again it keeps its port and its traces."""

    def __init__(self, home: Path) -> None:
        self.program, self.url = mlflow_server(home, f"sqlite:///{home / 'mlflow.db'}")

    def start(self) -> "MlflowServer":
        self.program.start(lambda: is_healthy(self.url), START_S_MAX)
        return self

    def stop(self) -> None:
        self.program.stop()


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
