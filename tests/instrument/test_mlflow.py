"""An application traced by MLflow, in its own process: what Kafka would get over OTLP, and what MLflow has."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import httpx
import pytest

from streamer.app.people import previewed
from streamer.core.preview import SeenTurn
from streamer.core.wire.cut import CutRules
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


class Told(NamedTuple):
    turns: list[SeenTurn]
    experiment: str
    mode: str


MODES: dict[str, dict[str, str]] = {
    "dual": {"MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true"},
    "otlp only": {},
    "semantic conventions": {
        "MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true",
        "MLFLOW_ENABLE_OTEL_GENAI_SEMCONV": "true",
    },
}
"""How MLflow can be told to export."""
SLOW = [pytest.param(mode, marks=pytest.mark.slow) for mode in list(MODES)[1:]]


@pytest.fixture(scope="module", params=["dual", *SLOW])
def told(request: pytest.FixtureRequest, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
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
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{collector.server_port}/v1/traces",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",
        OPENAI_API_KEY="none",
        OPENAI_BASE_URL=f"http://127.0.0.1:{model.server_port}/v1",
        **MODES[request.param],
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
    return Told(previewed(records, CutRules()).turns, made["experiment_id"], request.param)


def test_every_trace_names_its_session_and_every_span_of_it_was_read(told: Told) -> None:
    turns = told.turns
    found = {str(seen.session_id): seen.turn.spans_seen for seen in turns}
    assert found == EXPECTED
    assert len(turns) == len(EXPECTED)
    assert [seen.turn.session_conflicts for seen in turns] == [()] * len(turns)
    assert {seen.turn.session_id_source for seen in turns} == {"session.id"}


def test_users_and_ends_travel_too(told: Told) -> None:
    turns = told.turns
    users = {str(seen.session_id): seen.turn.user_id for seen in turns if seen.turn.user_id}
    named = ("plain", "deep", "metadata", "autolog", "stream")
    assert users == {**{name: f"u-{name}" for name in named}, "asgi-async": "u-asgi", "asgi-sync": "u-asgi"}
    assert [seen.session_id for seen in turns if seen.turn.ends_session] == ["ended"]


def test_mlflow_groups_by_the_same_sessions(told: Told, mlflow_url: str) -> None:
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": told.experiment}}
    body = {"locations": [location], "max_results": 100}
    found = httpx.post(f"{mlflow_url}/api/3.0/mlflow/traces/search", json=body, timeout=60).json().get("traces", [])
    if told.mode == "otlp only":  # it takes the place of MLflow's own store
        assert found == []
        return
    theirs = {trace["trace_id"]: trace["trace_metadata"].get("mlflow.trace.session") for trace in found}
    ours = {f"tr-{seen.turn.trace_id}": seen.session_id for seen in told.turns}
    # The application said another one itself, on the span: that is its own contradiction.
    own = next(trace_id for trace_id, session_id in ours.items() if session_id == "own")
    assert {**theirs, own: "own"} == ours
