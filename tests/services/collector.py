"""The official OpenTelemetry Collector, built from deploy/collector/ocb.yaml and run with the shipped config.yaml.

Rule: missing Go is an error with its remedy, never a skip. It is built once, into the user's cache; OTELCOL names a
binary that is taken instead.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest
import yaml

from tests.services.process import Program, free_port

SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "collector"
OCB = SHIPPED / "ocb.yaml"
DIST: dict[str, str] = yaml.safe_load(OCB.read_text())["dist"]
VERSION = DIST["version"]
BUILDER = f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}"


def binary() -> Path:
    """The Collector's program; built through the Go module proxy the first time, and after a change of ocb.yaml."""
    if given := os.environ.get("OTELCOL"):
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamer-tests" / f"otelcol-{VERSION}"
    built = cache / f"otelcol-{hashlib.sha256(OCB.read_bytes()).hexdigest()[:12]}"
    if built.exists():
        return built
    if shutil.which("go") is None:
        raise RuntimeError("go is not on the PATH: install Go 1.25 or newer, or set OTELCOL to a Collector's binary")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            began = time.monotonic()
            print(f"\n  OpenTelemetry Collector {VERSION}, built once, some minutes … ", end="", flush=True)
            _build(cache, built)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
    return built


def _build(cache: Path, built: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        home = Path(folder)
        if not (cache / "builder").exists():
            _run(["go", "install", BUILDER], home, {"GOBIN": folder})
            (home / "builder").rename(cache / "builder")
        _run([str(cache / "builder"), f"--config={OCB}"], home)
        (home / DIST["output_path"] / DIST["name"]).rename(built)


def _run(command: Sequence[str], home: Path, more: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=home,
        env={**os.environ, **(more or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


class CollectorServer:
    """OTLP over HTTP in, `topic` and one experiment of MLflow out. What it has queued is lost with it."""

    def __init__(self, home: Path, program: Path, kafka: str, topic: str, mlflow: str, experiment_id: str) -> None:
        otlp, health = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.endpoint, self._health = f"http://{otlp}/v1/traces", f"http://{health}"
        environment = {
            "OTLP_ENDPOINT": otlp,
            "HEALTH_ENDPOINT": health,
            "KAFKA": kafka,
            "KAFKA_TOPIC": topic,
            "MLFLOW_TRACKING_URI": mlflow,
            "MLFLOW_EXPERIMENT_ID": experiment_id,
        }
        command = [str(program), f"--config={SHIPPED / 'config.yaml'}"]
        self.program = Program("collector", command, home, environment)

    def start(self) -> "CollectorServer":
        self.program.start(self._answers, timeout_s=30)
        return self

    def stop(self) -> None:
        self.program.stop()

    def _answers(self) -> bool:
        try:
            return httpx.get(self._health, timeout=2).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def otelcol(request: pytest.FixtureRequest) -> Path:
    """The Collector's program; whoever waits for its build is told so."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        return binary()
