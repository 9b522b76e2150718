"""An MLflow with many sessions for the benchmark of evaluations: on PostgreSQL where there is one, else on SQLite."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any

import httpx

from streamer.embedded.program import Program, free_port
from streamer.embedded.stand_ins import START_S_MAX, is_healthy, mlflow_server

TURNS = 2
AT_ONCE = 100
"""Sessions in one export."""
START_MS = 1_790_000_000_000


@contextmanager
def mlflow(home: Path) -> Iterator[tuple[str, str]]:
    """Its address, and that of its database."""
    with _store(home) as store:
        program, url = mlflow_server(home, store)
        program.start(lambda: is_healthy(url), START_S_MAX)
        try:
            yield url, store
        finally:
            program.stop()


@contextmanager
def _store(home: Path) -> Iterator[str]:
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found or shutil.which("runuser") is None:
        yield f"sqlite:///{home / 'mlflow.db'}"
        return
    binaries, data, port = Path(found[-1]).parent, home / "postgres", free_port()
    data.mkdir()
    for folder in (home, data):
        folder.chmod(0o755)
    shutil.chown(data, "postgres", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    subprocess.run(
        [*as_postgres, str(binaries / "initdb"), "-D", str(data), "-A", "trust"], check=True, capture_output=True
    )
    command = [
        *as_postgres,
        str(binaries / "postgres"),
        "-D",
        str(data),
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
        "-k",
        str(data),
    ]
    server = Program("postgres", command, home).start(lambda: _is_ready(binaries, port), 60)
    try:
        yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.stop()


def _is_ready(binaries: Path, port: int) -> bool:
    done = subprocess.run(
        [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)], check=False, capture_output=True
    )
    return done.returncode == 0


def fill(url: str, name: str, sessions: int) -> str:
    """An experiment with so many sessions; its id. Every third user is angry, half of those are calmed."""
    with httpx.Client(base_url=url, timeout=120) as http:
        made = http.post("/api/2.0/mlflow/experiments/create", json={"name": name}).raise_for_status()
        experiment_id = str(made.json()["experiment_id"])
        headers = {"x-mlflow-experiment-id": experiment_id}
        for first in range(0, sessions, AT_ONCE):
            spans = [
                _span(name, n, turn) for n in range(first, min(first + AT_ONCE, sessions)) for turn in range(TURNS)
            ]
            body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
            http.post("/v1/traces", json=body, headers=headers).raise_for_status()
    return experiment_id


COPIES = (
    """INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, status, request_preview,
         response_preview, db_payload_generation, trace_name, session_id)
       SELECT 'tr-' || lpad(to_hex(k), 8, '0') || substr(request_id, 12), experiment_id, timestamp_ms + k * 10000000,
         execution_time_ms, status, request_preview, response_preview, db_payload_generation, trace_name,
         session_id || '-' || k
       FROM trace_info, generate_series(1, %(copies)s) k WHERE experiment_id = %(experiment)s""",
    """INSERT INTO spans (trace_id, experiment_id, span_id, name, type, status, start_time_unix_nano,
         end_time_unix_nano, content, model_name)
       SELECT 'tr-' || new, s.experiment_id, span_id, name, type, s.status, start_time_unix_nano, end_time_unix_nano,
         replace(replace(replace(content, encode(decode(substr(trace_id, 4), 'hex'), 'base64'),
           encode(decode(new, 'hex'), 'base64')), trace_id, 'tr-' || new),
           '\\"' || t.session_id || '\\"', '\\"' || t.session_id || '-' || k || '\\"'), model_name
       FROM spans s JOIN trace_info t ON t.request_id = s.trace_id, generate_series(1, %(copies)s) k,
         LATERAL (SELECT lpad(to_hex(k), 8, '0') || substr(trace_id, 12) AS new) n
       WHERE s.experiment_id = %(experiment)s AND trace_id LIKE %(original)s""",
    """INSERT INTO trace_tags (key, value, request_id)
       SELECT key, value, 'tr-' || lpad(to_hex(k), 8, '0') || substr(g.request_id, 12)
       FROM trace_tags g JOIN trace_info t ON t.request_id = g.request_id, generate_series(1, %(copies)s) k
       WHERE t.experiment_id = %(experiment)s AND g.request_id LIKE %(original)s""",
)
"""Inside the database: over OTLP MLflow takes ten to a hundred traces a second."""


def multiply(store: str, experiment_id: str, name: str, copies: int) -> None:
    """So many more of every session that came over OTLP, under ids of their own."""
    import psycopg2

    given = {"copies": copies, "experiment": int(experiment_id), "original": f"tr-{hash_of(name):08x}%"}
    connection = psycopg2.connect(store.replace("postgresql+psycopg2", "postgresql"))
    with connection, connection.cursor() as cursor:
        for copy in COPIES:
            cursor.execute(copy, given)
        cursor.execute("ANALYZE")
    connection.close()


def _span(name: str, n: int, turn: int) -> dict[str, Any]:
    angry, calmed = n % 3 == 0, n % 6 == 0
    user = f"Where is my order {n}?" if not turn else f"Question {n} again."
    if angry:
        user = (
            f"Order {n} is late. This is useless!"
            if not turn
            else "Thank you, solved."
            if calmed
            else "Still not here."
        )
    said = {"input": ("user", user), "output": ("assistant", f"I am looking into order {n}. " * 6)}
    attributes = {
        f"gen_ai.{side}.messages": json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
        for side, (role, text) in said.items()
    }
    attributes |= {"session.id": f"{name}-{n}", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt"}
    at_ms = START_MS + n * 1_000 + turn * 60_000
    return {
        "traceId": f"{hash_of(name):08x}{n:020x}{turn:04x}",
        "spanId": f"{n + 1:012x}{turn:04x}",
        "name": "chat",
        "startTimeUnixNano": str(at_ms * 10**6),
        "endTimeUnixNano": str((at_ms + 500) * 10**6),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()[-4:].rjust(4, b"-"), "big")
