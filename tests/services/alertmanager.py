"""A real Alertmanager: the one on the PATH, the one that ALERTMANAGER names, or one built by Go, once.

Rule: missing Go is an error with its remedy, never a skip.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.process import Program, free_port

VERSION = "0.28.1"
MODULE = f"github.com/prometheus/alertmanager/cmd/alertmanager@v{VERSION}"
CONFIG = """route: {{receiver: tests, group_by: ["..."], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: tests, webhook_configs: [{{url: "{receiver}", send_resolved: true}}]}}]
"""


def binary() -> Path:
    for name in (os.environ.get("ALERTMANAGER", ""), "alertmanager", "prometheus-alertmanager"):
        if name and (found := shutil.which(name)):
            return Path(found)
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamer-tests" / f"alertmanager-{VERSION}"
    )
    built = cache / "alertmanager"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            if shutil.which("go") is None:
                raise RuntimeError("go is not on the PATH: install Go 1.25 or newer, or set ALERTMANAGER to a binary")
            environment = {**os.environ, "GOBIN": str(cache)}
            done = subprocess.run(
                ["go", "install", MODULE], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"go install {MODULE} failed:\n{done.stderr.decode()[-2000:]}")
    return built


class AlertmanagerServer:
    """What it decides to tell goes to `receiver`, a webhook."""

    def __init__(self, home: Path, receiver: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        (home / "alertmanager.yml").write_text(CONFIG.format(receiver=receiver))
        command = [str(binary()), f"--config.file={home / 'alertmanager.yml'}", f"--storage.path={home / 'alerts'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        self.program = Program("alertmanager", command, home)

    def start(self) -> "AlertmanagerServer":
        self.program.start(self._answers, timeout_s=20)
        return self

    def stop(self) -> None:
        self.program.stop()

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire now."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Any) -> Iterator[AlertmanagerServer]:
    server = AlertmanagerServer(tmp_path, receiver.url)
    try:
        yield server.start()
    finally:
        server.stop()
