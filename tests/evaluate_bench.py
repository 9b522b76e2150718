"""A deployment for evaluations: an experiment, a scripted model with a log, own keys and topics, and the command."""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from streamer.app.evaluating import Report, Wanted, evaluate
from streamer.app.people import feed_records
from streamer.core.tally import Tally
from streamer.core.terms import Terms
from streamer.embedded.scripted_model import ScriptedModel, serve
from streamer.quiet import QUIET
from streamer.settings import load
from tests.services.kafka import create_topics

START_MS = 1_790_000_000_000
ANGRY, GLAD = "My order is late. This is useless!", "Thank you, that works."


class Bench:
    """An experiment, a model with a log, a deployment of its own, and the command."""

    def __init__(self, home: Path, mlflow: str, redis: str, kafka: str) -> None:
        self.home, self.mlflow = home, httpx.Client(base_url=mlflow, timeout=60)
        self.name = f"evaluate-{secrets.token_hex(4)}"
        made = self.mlflow.post("/api/2.0/mlflow/experiments/create", json={"name": self.name})
        self.experiment = made.raise_for_status().json()["experiment_id"]
        self.log = home / "model.jsonl"
        self.model = serve(ScriptedModel(self.log, 0), 0)
        threading.Thread(target=self.model.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.model.server_port}/v1"
        self.environment = {**os.environ, **QUIET, "OPENAI_API_KEY": "none", "OPENAI_API_BASE": url}
        self.environment |= {"OPENAI_BASE_URL": url}
        self.feed = f"{self.name}-feed"
        create_topics(kafka, {self.feed: 1, self.name: 2})
        self.kafka, self.redis = kafka, redis
        self.config = home / "streamer.toml"
        self.config.write_text(
            f'redis = {{url = "{redis}", key_prefix = "{self.name}"}}\n'
            f'mlflow = {{tracking_uri = "{mlflow}", namespace = "{self.name}"}}\n'
            f'kafka = {{bootstrap = "{kafka}", group = "{self.name}"}}\n'
            f'feed = {{topic = "{self.feed}"}}\nhttp = {{port = 0}}\n'
            f'sources = [{{topics = ["{self.name}"], start = "beginning"}}]\n'
            "evaluate = {tokens_per_day = 100000000, usd_per_day = 100.0}\n"
            "sessions = {idle_gap_ms = 900000}\n"
        )

    def trace(self, session: str, at_ms: int, user: str, assistant: str = "I see.") -> str:
        """A trace in MLflow alone; its id."""
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        said = {"gen_ai.input.messages": [("user", user)], "gen_ai.output.messages": [("assistant", assistant)]}
        attributes = {name: json.dumps(_messages(messages)) for name, messages in said.items()}
        attributes |= {"session.id": session, "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        span = {
            "traceId": trace_id,
            "spanId": span_id,
            "name": "chat",
            "startTimeUnixNano": str(at_ms * 10**6),
            "endTimeUnixNano": str((at_ms + 100) * 10**6),
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
        }
        service = {"attributes": [{"key": "service.name", "value": {"stringValue": "support"}}]}
        body = {"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span]}]}]}
        headers = {"x-mlflow-experiment-id": self.experiment, "content-type": "application/json"}
        self.mlflow.post("/v1/traces", json=body, headers=headers).raise_for_status()
        self.last_record = json.dumps(body)
        return trace_id

    def rows(self, trace_id: str) -> list[dict[str, Any]]:
        answer = self.mlflow.get(f"/api/3.0/mlflow/traces/tr-{trace_id}").raise_for_status()
        found: list[dict[str, Any]] = answer.json()["trace"]["trace_info"].get("assessments", [])
        return found

    def in_force(self) -> bool:
        with Redis.from_url(self.redis) as client:
            return bool(client.hget(f"{self.name}:{{00}}:config", "content"))

    def calls(self) -> int:
        return len(self.log.read_text().splitlines())

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streamer", *words, "-c", str(self.config)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    async def judge(self, **wanted: Any) -> dict[str, Any]:
        """What the command would do, in this process."""
        settings = load(self.config)
        model = wanted.pop("model", None)
        specs = tuple(judge.model_copy(update={"model": model} if model else {}).spec() for judge in settings.judges)
        settings = settings.model_copy(
            update={"evaluate": settings.evaluate.model_copy(update=wanted.pop("limits", {}))}
        )
        terms, report = Terms(specs=specs, rules=settings.core_rules(), content=b""), Report(Tally.of(specs))
        place: dict[str, Any] = {} if wanted.keys() & {"topic", "files", "experiment"} else {"experiment": self.name}
        asked = Wanted(terms=terms, **place, **wanted)
        await evaluate(settings, asked, report, lambda what, done, total: None, lambda done, written: None)
        return {**report.tally.as_json(), "ended_by": report.ended_by}

    def command(self, *words: str, code: int = 0) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.run("evaluate", "-e", self.name, "--json", *words, code=code).stdout)
        return said

    def told(self) -> list[dict[str, Any]]:
        """Records of the feed."""
        return list(feed_records(load(self.config), 1_000, follow=False))

    def close(self) -> None:
        self.model.shutdown()
        self.model.server_close()
        self.mlflow.close()


@pytest.fixture
def bench(
    tmp_path: Path, mlflow_url: str, redis_url: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    made = Bench(tmp_path, mlflow_url, redis_url, kafka)
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, made.environment[name])
    try:
        yield made
    finally:
        made.close()


def _messages(messages: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages]
