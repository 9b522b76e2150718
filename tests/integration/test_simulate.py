"""`streamer simulate` on a real MLflow, in a process of its own as in a pipeline."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from streamer.embedded import stand_ins
from streamer.embedded.scripted_model import ScriptedModel, serve

pytestmark = pytest.mark.real
ROOT = Path(__file__).parent.parent.parent
CASES: list[dict[str, Any]] = [
    {"goal": "find out where my parcel is", "persona": "an impatient customer"},
    {"goal": "hear something", "says": ["Hello.", "This is useless!"], "expectations": {"outcome": "an apology"}},
]
KEPT = """
[[judges]]
type = "user_frustration"
[[judges]]
type = "make_judge"
name = "kept"
instructions = "Does {{ conversation }} meet {{ expectations }}?"
labels = ["yes", "no"]
"""


class Pipeline:
    def __init__(self, home: Path, model: str, mlflow: str) -> None:
        self.home, self.mlflow = home, mlflow
        (home / "streamer.toml").write_text(KEPT)
        self._environment: Mapping[str, str] = stand_ins.environment(
            MLFLOW_TRACKING_URI=mlflow,
            OPENAI_API_KEY="none",
            OPENAI_API_BASE=model,
            PYTHONPATH=str(ROOT),
            STREAMER_CONFIG=str(home / "streamer.toml"),
        )

    def simulate(self, cases: list[dict[str, Any]], agent: str, *words: str, code: int = 0) -> dict[str, Any]:
        file = self.home / "cases.jsonl"
        file.write_text("".join(json.dumps(case) + "\n" for case in cases))
        named = ["--cases", str(file), "--agent", f"tests.integration.agents:{agent}", "--json"]
        command = [sys.executable, "-m", "streamer", "simulate", *named, *words]
        done = subprocess.run(
            command, env=self._environment, cwd=self.home, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "what the user said" not in done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = serve(ScriptedModel(tmp_path_factory.mktemp("model") / "log", 0), 0)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def pipeline(tmp_path: Path, model: str, mlflow_url: str) -> Pipeline:
    return Pipeline(tmp_path, model, mlflow_url)


def test_conversations_are_held_judged_and_weighed(pipeline: Pipeline) -> None:
    report = pipeline.home / "junit.xml"
    said = pipeline.simulate(
        CASES, "answer", "--max-turns", "4", "--fail-under", "goal_achieved=1", "--fail-under",
        "user_frustration=0.9", "--junit", str(report), code=3,
    )  # fmt: skip
    parcel, scripted = said["conversations"]
    assert (parcel["ending"], parcel["turns"], parcel["goal_achieved"]) == ("goal", 2, True)
    assert (scripted["ending"], scripted["turns"]) == ("goal", 2)
    told = {one["judge"]: (one["value"], one["failure"]) for one in scripted["judgements"]}
    assert told == {"user_frustration": ("unresolved", None), "kept": ("no", None)}
    told = {one["judge"]: (one["value"], one["failure"]) for one in parcel["judgements"]}
    assert told["kept"][1].startswith("expectations_missing")
    assert {one["gate"]: one["state"] for one in said["gates"]} == {
        "goal_achieved": "met",
        "user_frustration": "missed",
    }
    suites = {suite.get("name"): suite for suite in ElementTree.parse(report).getroot()}
    assert set(suites) == {"goal_achieved", "user_frustration", "kept", "gates"}
    assert (suites["kept"].get("errors"), suites["gates"].get("failures")) == ("1", "1")
    trace = httpx.get(f"{pipeline.mlflow}/api/3.0/mlflow/traces/{scripted['first_trace_id']}", timeout=60).json()
    info = trace["trace"]["trace_info"]
    assert info["trace_metadata"]["mlflow.trace.session"] == scripted["session_id"]
    assert [one["assessment_name"] for one in info["assessments"]] == ["outcome"]


@pytest.mark.slow
def test_a_model_speaks_for_the_user_and_is_paid_for(pipeline: Pipeline) -> None:
    cases: list[dict[str, Any]] = [{"goal": "get a refund", "context": {"tone": "kind"}}, {"goal": "get a refund"}]
    words = ["--user", "openai:/gpt-4.1-mini", "--judges", "user_frustration"]
    before = pipeline.simulate(cases, "untraced", *words, "--dry-run")
    assert (before["user_calls"], before["judge_calls"], before["user_usd"] > 0) == (40, 2, True)
    said = pipeline.simulate(cases, "untraced", *words)
    kind, toneless = said["conversations"]
    assert (kind["ending"], kind["turns"], len(kind["judgements"])) == ("goal", 1, 1)
    assert (toneless["ending"], toneless["detail"], toneless["judgements"]) == ("agent_failed", "TypeError", [])
    assert said["calls"] == 4  # twice a message, a check of the goal, a judge
    assert 0 < said["cost_usd"] < before["user_usd"]


@pytest.mark.slow
def test_a_broken_agent_has_achieved_nothing_and_a_pipeline_without_mlflow_can_know(pipeline: Pipeline) -> None:
    said = pipeline.simulate(CASES, "broken", "--local", "--fail-under", "goal_achieved=0.5", code=3)
    assert [one["detail"] for one in said["conversations"]] == ["RuntimeError"] * 2
    assert said["gates"][0]["state"] == "missed"
