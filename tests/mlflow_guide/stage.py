"""The guide's program and streamer on one MLflow, in turn: the guide, streamer, the guide again.

Rule: the guide runs in a process of its own, which cannot know of streamer.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.evaluate_bench import Bench

PROGRAM = Path(__file__).parent / "conversations.py"
JUDGES = """
[[judges]]
type = "user_frustration"
[[judges]]
type = "conversation_completeness"
[[judges]]
type = "make_judge"
name = "politeness"
instructions = "How did the assistant in {{ conversation }} speak to the user?"
labels = ["kind", "harsh"]
[[judges]]
type = "make_judge"
name = "outcome_met"
instructions = "Does {{ conversation }} end as {{ expectations }} wants it?"
labels = ["yes", "no"]
"""
"""Under the names that the guide's program has: rows of one name are what could be mistaken for each other. One of them
answers in other words, so that it would be seen if the guide's results were taken from our row."""


class Stage:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        bench.config.write_text(bench.config.read_text() + JUDGES)
        self.first = self.guide("trace")
        self.before = self.guide("evaluate")
        self.rows_before = self.rows()

    def guide(self, what: str) -> dict[str, Any]:
        # A simulated case's expectations are logged right after its first trace: MLflow must have that by then.
        environment = self.bench.environment | {
            "MLFLOW_TRACKING_URI": str(self.bench.mlflow.base_url),
            "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
        }
        command = [sys.executable, str(PROGRAM), what, "--experiment", self.bench.name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Session → every assessment on its first trace."""
        return {session: self.bench.rows(trace.removeprefix("tr-")) for session, trace in self.first.items()}

    def sessions(self) -> dict[str, list[dict[str, Any]]]:
        """Session → its traces, as MLflow's search gives them; simulated ones too."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.bench.experiment}}
        found: dict[str, list[dict[str, Any]]] = {}
        answer = self.bench.mlflow.post(
            "/api/3.0/mlflow/traces/search", json={"locations": [place], "max_results": 500}
        )
        for trace in answer.raise_for_status().json()["traces"]:
            if session := trace.get("trace_metadata", {}).get("mlflow.trace.session"):
                found.setdefault(session, []).append(trace)
        return found


def is_ours(row: dict[str, Any]) -> bool:
    return "streamer.token" in row.get("metadata", {})
