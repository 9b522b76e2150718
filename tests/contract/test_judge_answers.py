"""What a model may say and MLflow on PostgreSQL cannot hold: it would answer 500 to the same row for ever."""

import pytest

from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.core.judges import JudgeSpec
from streamer.core.transcript import Transcript
from streamer.core.verdict import JudgeFailure, Verdict
from tests.contract.test_judges import CALM, judges, own_judge, spec, transcript
from tests.fakes.language_model import LanguageModel

__all__ = ["judges"]


async def said(judges: MlflowJudges, judge: JudgeSpec, content: str) -> Verdict | JudgeFailure:
    read: Transcript = transcript(CALM)
    return await judges.judge(judge, read, None, LanguageModel(content=content).ask)


async def test_a_rationale_holds_no_nul(judges: MlflowJudges) -> None:
    verdict = await said(judges, spec(), r'{"result": "none", "rationale": "a\u0000b"}')
    assert isinstance(verdict, Verdict)
    assert verdict.rationale == "ab"


@pytest.mark.parametrize(("digits", "kind"), [(15, Verdict), (400, JudgeFailure)])
async def test_a_whole_number_is_one_that_json_carries(judges: MlflowJudges, digits: int, kind: type) -> None:
    answer = f'{{"result": {"1" * digits}, "rationale": "x"}}'
    assert isinstance(await said(judges, own_judge(value_type="int"), answer), kind)
