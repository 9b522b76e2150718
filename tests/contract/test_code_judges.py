"""Judges that are code: an MLflow @scorer of a module, a judge object, and what is kept in MLflow's registry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.registered import described
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.errors import ConfigurationError
from streamer.settings.judges import JudgeTable

TURNS = tuple(
    Turn(trace_id=f"{n:032x}", version=1, start_ns=n, end_ns=n + 1, user=f"question {n}", assistant="answer")
    for n in (1, 2)
)
SAID = Transcript(session_id="s", turns=TURNS, hash="h")
OURS = """
import time
from typing import Literal
from mlflow.entities import Feedback
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import scorer

@scorer
def short(session):
    return len(session) < 3

@scorer
def worded(session):
    asked = [trace.data.spans[0].inputs["messages"][0]["content"] for trace in session]
    return Feedback(value="few" if len(asked) < 3 else "many", rationale=" / ".join(asked))

@scorer
def several(session):
    return [Feedback(name="a", value=1), Feedback(name="b", value=2)]

@scorer
def broken(session):
    raise RuntimeError("what the user said")

@scorer
def slow(session):
    time.sleep(1)
    return True

@scorer
def per_trace(outputs):
    return True

def bare(session):
    return 0.5

polite = make_judge(name="polite", instructions="Polite? {{ conversation }}", model="openai:/gpt-4o",
                    feedback_value_type=Literal["yes", "no"])
nothing = 3
"""


@pytest.fixture
def judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowJudges]:
    (tmp_path / "our_judges.py").write_text(OURS)
    monkeypatch.chdir(tmp_path)
    made = MlflowJudges(2)
    yield made
    made.close()


async def no_model(request: ModelRequest) -> Completion:
    raise AssertionError("no model is asked")


def spec_of(function: str, **more: Any) -> JudgeSpec:
    return JudgeTable.model_validate({"type": "code", "path": f"our_judges:{function}", **more}).spec()


async def test_what_a_function_returns_is_a_verdict(judges: MlflowJudges) -> None:
    for function, value in (("short", True), ("worded", "few"), ("bare", 0.5)):
        answer = await judges.judge(spec_of(function), SAID, None, no_model)
        assert isinstance(answer, Verdict)
        assert (answer.value, type(answer.value)) == (value, type(value))
        assert answer.usage.requests == 0
    worded = await judges.judge(spec_of("worded"), SAID, None, no_model)
    assert isinstance(worded, Verdict)
    assert worded.rationale == "question 1 / question 2"


async def test_what_is_no_verdict_is_a_failure_without_text(judges: MlflowJudges) -> None:
    for spec, kind in (
        (spec_of("broken"), "internal"),
        (spec_of("several"), "internal"),
        (spec_of("worded", labels=["many"]), "bad_answer"),
        (spec_of("short", value_type="int"), "bad_answer"),
        (spec_of("slow", deadline_ms=50), "timeout"),
    ):
        answer = await judges.judge(spec, SAID, None, no_model)
        assert isinstance(answer, JudgeFailure)
        assert answer.kind == kind
        assert "what the user said" not in answer.detail


async def test_a_judge_object_asks_its_model_through_us(judges: MlflowJudges) -> None:
    asked: list[ModelRequest] = []

    async def ask(request: ModelRequest) -> Completion:
        asked.append(request)
        return Completion(content='{"result": "yes", "rationale": "-"}', input_tokens=3, output_tokens=1, cost_usd=0.1)

    answer = await judges.judge(spec_of("polite", model="openai:/gpt-4.1-mini"), SAID, None, ask)
    assert isinstance(answer, Verdict)
    assert (answer.value, answer.usage.cost_usd) == ("yes", 0.1)
    assert [request.model for request in asked] == ["openai:/gpt-4.1-mini"]


def test_what_cannot_be_a_judge_is_refused_at_the_start(judges: MlflowJudges) -> None:
    for function, said in (("missing", "has no missing"), ("per_trace", "takes `session`"), ("nothing", "neither")):
        with pytest.raises(ConfigurationError, match=said):
            judges.make_ready([spec_of(function)])
    with pytest.raises(ValueError, match="there is no module nowhere"):
        JudgeTable.model_validate({"type": "code", "path": "nowhere:f"})
    with pytest.raises(ValueError, match="module:function"):
        JudgeTable.model_validate({"type": "code", "path": "our_judges"})


async def test_changed_code_is_another_version_and_is_run_as_it_is_now(judges: MlflowJudges, tmp_path: Path) -> None:
    before = spec_of("short")
    assert isinstance(await judges.judge(before, SAID, None, no_model), Verdict)
    (tmp_path / "our_judges.py").write_text(OURS.replace("< 3", "> 3"))
    after = spec_of("short")
    assert after.version != before.version
    answer = await judges.judge(after, SAID, None, no_model)
    assert isinstance(answer, Verdict)
    assert answer.value is False


def registered_as(definition: dict[str, Any], **more: Any) -> JudgeSpec:
    table = JudgeTable.model_validate({"type": "registered", "scorer": "kept", **more})
    return table.defined_as(json.dumps(definition)).spec()


CODE = {
    "name": "kept",
    "is_session_level_scorer": True,
    "original_func_name": "kept",
    "call_signature": "(session)",
    "call_source": "return len(session)",
}


async def test_code_kept_in_mlflow_runs_only_under_the_hash_that_is_allowed(judges: MlflowJudges) -> None:
    code_hash = described(json.dumps(CODE)).code_hash
    with pytest.raises(ConfigurationError, match=f"kept:{code_hash}"):
        judges.make_ready([registered_as(CODE)])
    allow = [f"kept:{code_hash}"]
    with pytest.raises(ConfigurationError, match="allow"):
        judges.make_ready([registered_as({**CODE, "name": "other"}, allow=allow)])
    answer = await judges.judge(registered_as(CODE, allow=allow), SAID, None, no_model)
    assert isinstance(answer, Verdict)
    assert answer.value == 2
    changed = {**CODE, "call_source": "import os; return os.getcwd()"}
    with pytest.raises(ConfigurationError, match="allow"):
        judges.make_ready([registered_as(changed, allow=allow)])
    with pytest.raises(ConfigurationError, match="allow"):  # no longer allowed at a reload
        judges.make_ready([registered_as(CODE)])


async def test_a_registered_judge_keeps_model_and_labels_and_asks_through_us(judges: MlflowJudges) -> None:
    data = {
        "instructions": "Polite? {{ conversation }}",
        "model": "anthropic:/claude",
        "feedback_value_type": {"enum": ["yes", "no"], "type": "string"},
    }
    definition = {"name": "kept", "is_session_level_scorer": True, "instructions_judge_pydantic_data": data}
    spec = registered_as(definition)
    assert (spec.name, spec.model, spec.labels) == ("kept", "anthropic:/claude", ("yes", "no"))
    assert spec.version != registered_as(definition, model="openai:/gpt-4o").version

    async def ask(request: ModelRequest) -> Completion:
        assert request.model == "anthropic:/claude"
        return Completion(content='{"result": "no", "rationale": "-"}', input_tokens=3, output_tokens=1, cost_usd=None)

    answer = await judges.judge(spec, SAID, None, ask)
    assert isinstance(answer, Verdict)
    assert answer.value == "no"
    with pytest.raises(ConfigurationError, match="single traces"):
        judges.make_ready([registered_as({**definition, "is_session_level_scorer": False})])
