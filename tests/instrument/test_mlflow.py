"""An application traced by MLflow, in its own process: what Kafka would get over OTLP, and what MLflow has."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from streamer.app.people import previewed
from streamer.core.preview import SeenTurn
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from streamer.embedded import stand_ins
from streamer.embedded.scripted_model import ScriptedModel, serve
from tests.instrument.application import EXPECTED


class Collector(ThreadingHTTPServer):
    """Keeps what is exported to it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.records: list[bytes] = []
        kept = self.records

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return None

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def told(mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[SeenTurn], str]:
    """What the application has exported, as ingest reads it, and the experiment that MLflow has it in."""
    collector, model = Collector(), serve(ScriptedModel(tmp_path_factory.mktemp("model") / "log", 0), 0)
    servers = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}) for one in (collector, model)]
    for thread in servers:
        thread.start()
    made = httpx.post(
        f"{mlflow_url}/api/2.0/mlflow/experiments/create", json={"name": f"instrumented-{time.time_ns()}"}, timeout=60
    ).json()
    environment = stand_ins.environment(
        MLFLOW_TRACKING_URI=mlflow_url,
        MLFLOW_EXPERIMENT_ID=made["experiment_id"],
        MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT="true",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{collector.server_port}/v1/traces",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",
        OPENAI_API_KEY="none",
        OPENAI_BASE_URL=f"http://127.0.0.1:{model.server_port}/v1",
    )
    command = [sys.executable, "-m", "tests.instrument.application"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    for server, thread in zip((collector, model), servers, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert "may lack their session" not in done.stderr
    records = [Record("otlp_spans", 0, n, 0, value) for n, value in enumerate(collector.records)]
    return previewed(records, Cutter(CutRules())).turns, made["experiment_id"]


def test_every_trace_names_its_session_and_every_span_of_it_was_read(told: tuple[list[SeenTurn], str]) -> None:
    turns, _ = told
    found = {str(seen.session_id): seen.turn.spans_seen for seen in turns}
    assert found == EXPECTED
    assert len(turns) == len(EXPECTED)
    assert [seen.turn.session_conflicts for seen in turns] == [()] * len(turns)
    assert {seen.turn.session_id_source for seen in turns} == {"session.id"}


def test_users_and_ends_travel_too(told: tuple[list[SeenTurn], str]) -> None:
    turns, _ = told
    users = {str(seen.session_id): seen.turn.user_id for seen in turns if seen.turn.user_id}
    named = ("plain", "deep", "metadata", "autolog", "stream")
    assert users == {**{name: f"u-{name}" for name in named}, "asgi-async": "u-asgi", "asgi-sync": "u-asgi"}
    assert [seen.session_id for seen in turns if seen.turn.ends_session] == ["ended"]


def test_mlflow_groups_by_the_same_sessions(told: tuple[list[SeenTurn], str], mlflow_url: str) -> None:
    turns, experiment = told
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    body = {"locations": [location], "max_results": 100}
    traces = httpx.post(f"{mlflow_url}/api/3.0/mlflow/traces/search", json=body, timeout=60).json()["traces"]
    theirs: dict[str, Any] = {}
    for trace in traces:
        metadata = trace["trace_metadata"]
        theirs[trace["trace_id"]] = metadata.get("mlflow.trace.session")
    ours = {f"tr-{seen.turn.trace_id}": seen.session_id for seen in turns}
    # The application said another one itself, on the span: that is its own contradiction.
    own = next(trace_id for trace_id, session_id in ours.items() if session_id == "own")
    assert {**theirs, own: "own"} == ours
