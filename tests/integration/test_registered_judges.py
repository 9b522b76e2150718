"""Scorers that a real MLflow has registered, as judges of the configuration."""

import json
import secrets
from pathlib import Path

import pytest
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import scorer
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.rest_utils import MlflowHostCreds

from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.app.registered import code_findings, resolved
from streamer.core.model import Completion, ModelRequest
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import Verdict
from streamer.errors import ConfigurationError
from streamer.settings import Settings, load
from tests.services.mlflow import MlflowServer

pytestmark = pytest.mark.real
TURN = Turn(trace_id="a" * 32, version=1, start_ns=1, end_ns=2, user="Hello?", assistant="Hi.")


@scorer
def turns_of(session):  # type: ignore[no-untyped-def]
    return len(session)


def configured(home: Path, url: str, tables: str) -> Settings:
    file = home / "streamer.toml"
    file.write_text(f'mlflow = {{tracking_uri = "{url}"}}\n{tables}')
    return load(file)


def store_of(url: str) -> RestStore:
    return RestStore(lambda: MlflowHostCreds(url))


async def answer_of(settings: Settings, said: str = "") -> Verdict:
    """What the first judge of the settings says; `said`: what its request holds."""
    [spec, *_] = settings.judge_specs()

    async def ask(request: ModelRequest) -> Completion:
        assert said in request.messages[0]["content"]
        return Completion(content='{"result": true, "rationale": "-"}', input_tokens=1, output_tokens=1, cost_usd=None)

    judges = MlflowJudges(2, (spec,))
    answer = await judges.judge(spec, Transcript(session_id="s", turns=(TURN,), hash="h"), None, ask)
    judges.close()
    assert isinstance(answer, Verdict)
    return answer


async def test_a_registered_judge_by_name_and_version(mlflow_url: str, tmp_path: Path) -> None:
    server = store_of(mlflow_url)
    experiment = server.create_experiment(f"judges-{secrets.token_hex(4)}")
    for instructions in ("Polite? {{ conversation }}", "Very polite? {{ conversation }}"):
        judge = make_judge(name="polite", instructions=instructions, model="openai:/m", feedback_value_type=bool)
        server.register_scorer(experiment, "polite", json.dumps(judge.model_dump()))
    table = f'[[judges]]\ntype = "registered"\nexperiment = "{experiment}"\nscorer = "polite"\n'
    newest, first = (resolved(configured(tmp_path, mlflow_url, table + more)) for more in ("", "version = 1\n"))
    [spec] = first.judge_specs()
    assert (spec.model, spec.value_type) == ("openai:/m", "bool")
    assert spec.version != newest.judge_specs()[0].version
    assert (await answer_of(first, "Your task: Polite?")).value is True
    assert (await answer_of(newest, "Very polite?")).value is True
    assert [finding.state for finding in code_findings(first)] == ["ok"]


@pytest.mark.slow
async def test_code_that_mlflow_keeps_is_shown_by_check_and_runs_once_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS", "true")
    server = MlflowServer(tmp_path).start()
    monkeypatch.delenv("MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS")
    try:
        store_of(server.url).register_scorer("0", "turns_of", json.dumps(turns_of.model_dump()))
        table = '[[judges]]\ntype = "registered"\nexperiment = "0"\nscorer = "turns_of"\n'
        [refused] = code_findings(configured(tmp_path, server.url, table))
        assert refused.state == "fail"
        assert "return len(session)" in refused.said
        allow = next(word for word in refused.said.split('"') if word.startswith("turns_of:"))
        allowed = resolved(configured(tmp_path, server.url, f'{table}allow = ["{allow}"]\n'))
        assert not allowed.judge_specs()[0].asks_model
        assert (await answer_of(allowed)).value == 1
    finally:
        server.stop()


def test_a_scorer_that_is_not_there_is_said(mlflow_url: str, tmp_path: Path) -> None:
    table = '[[judges]]\ntype = "registered"\nscorer = "nobody"\n'
    with pytest.raises(ConfigurationError, match="by experiment"):
        resolved(configured(tmp_path, mlflow_url, table))
    with pytest.raises(ConfigurationError, match="no scorer 'nobody'"):
        resolved(configured(tmp_path, mlflow_url, f'{table}experiment = "0"\n'))
