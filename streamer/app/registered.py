"""Judges that are registered in MLflow: their definitions, before anything else is made of the settings.

Rule: a definition is fetched once, at the start and at a reload, so that all that is judged by a configuration is
judged by the same one.
"""

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_judges.scorers import scorer_of
from streamer.app.building import access_of
from streamer.app.finding import Finding
from streamer.core.registered import described
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings
from streamer.settings.judges import JudgeTable

T = TypeVar("T")


def resolved(settings: Settings) -> Settings:
    """With the definitions of registered judges. ConfigurationError for one that is not there; nothing is asked without
    one."""
    if not any(judge.type == "registered" for judge in settings.judges):
        return settings
    return settings.model_copy(update={"judges": _apart(_fetched(settings))})


def code_findings(settings: Settings) -> list[Finding]:
    """A line for each judge that is code: whether it can be made, and what would have to be allowed."""
    found = []
    for judge in settings.judges:
        if judge.type not in ("code", "registered"):
            continue
        step, code = f"judge {judge.row_name}", ""
        try:
            [one] = resolved(settings.model_copy(update={"judges": (judge,)})).judges
            spec = one.spec()
            if spec.definition and described(spec.definition).kind == "code":
                code = _source_of(spec.definition)
            scorer_of(spec)
        except StreamerError as error:
            found.append(Finding(step, "fail", f"{error}{code if 'allow' in str(error) else ''}", ""))
        else:
            found.append(Finding(step, "ok", f"made; version {spec.version}"))
    return found


def _source_of(definition: str) -> str:
    said = json.loads(definition)
    body = "\n".join(f"    {line}" for line in str(said["call_source"]).splitlines())
    return f"\ndef {said['original_func_name']}{said['call_signature']}:\n{body}"


async def _fetched(settings: Settings) -> tuple[JudgeTable, ...]:
    mlflow = MlflowAssessments(access_of(settings))
    try:
        return tuple(
            [await _one(settings, mlflow, one) if one.type == "registered" else one for one in settings.judges]
        )
    finally:
        await mlflow.close()


async def _one(settings: Settings, mlflow: MlflowAssessments, judge: JudgeTable) -> JudgeTable:
    experiment = judge.experiment or next(iter(settings.mlflow.experiment_ids), None)
    if experiment is None:
        raise ConfigurationError(
            f'judge {judge.row_name}: MLflow registers scorers by experiment: say experiment = "its id" beside it'
        )
    definition = await mlflow.scorer(experiment, judge.scorer or "", judge.version)
    if definition is None:
        version = f" version {judge.version}" if judge.version else ""
        raise ConfigurationError(
            f"judge {judge.row_name}: MLflow has no scorer {judge.scorer!r}{version} in experiment {experiment}; "
            "mlflow.genai.scorers.list_scorers names those it has"
        )
    return judge.defined_as(definition)


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """On an event loop of its own, since a reload asks from within one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
