"""Sessions judged here and now, for whoever holds them already: no Redis, no Kafka, nothing is written.

Rule: it is the evaluation's own loop (loops/evaluate.py) and the one choke point, so retries, Retry-After, the spending
limit and what counts as a verdict are the same; only answers, spending and what is known of a session live in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.litellm_model import LitellmModel, missing_keys
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_assessments.sessions import MlflowSessions
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import access_of
from streamer.app.evaluating_sources import EVER, InMlflow
from streamer.core.assessment import Row, RowRef
from streamer.core.evaluating import Evaluated, Found
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion
from streamer.core.session import Claim, Facts, SessionRef, SessionState
from streamer.core.terms import Terms
from streamer.errors import ConfigurationError, StreamerError
from streamer.loops.choke_point import ChokePoint, SpendingLimitReached
from streamer.loops.evaluate import Evaluate, EvaluateParts, NoLeases
from streamer.ports import AssessmentStore, Model
from streamer.settings import Settings

Expectations = Mapping[str, Mapping[str, Any]]
"""What people expect of a session, by its id."""


async def judged(
    settings: Settings,
    specs: Sequence[JudgeSpec],
    sessions: Iterable[Found],
    *,
    expectations: Expectations | None = None,
    model: Model | None = None,
) -> AsyncIterator[Evaluated]:
    """Each session as it is done, `evaluate.sessions_at_once` at the same time. What is expected of a session is asked
    of MLflow, unless it is given. ConfigurationError before anything is paid: a missing key, a judge that MLflow does
    not take. StreamerError where the spending limit ended it."""
    refuse_missing_keys(specs)
    judges = await asyncio.to_thread(MlflowJudges, settings.evaluate.sessions_at_once, specs)
    rows: _Given | MlflowAssessments = MlflowAssessments(access_of(settings))
    if expectations is not None:
        await rows.close()
        rows = _Given(expectations)
    evaluate = _evaluate(settings, specs, judges, rows, model)
    room = asyncio.Semaphore(settings.evaluate.sessions_at_once)

    async def one(found: Found) -> Evaluated:
        async with room:
            return await evaluate.session(found)

    works = [asyncio.create_task(one(found)) for found in sessions]
    try:
        for work in asyncio.as_completed(works):
            yield await work
    except SpendingLimitReached:
        limit = settings.evaluate.usd_per_day
        raise StreamerError(f"the spending limit of [evaluate] is reached: raise usd_per_day ({limit:g} USD)") from None
    finally:
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await rows.close()
        await asyncio.to_thread(judges.close)


async def in_mlflow(settings: Settings, experiment: str, session_id: str) -> Found:
    """The whole of a session that was traced to MLflow, with the rows that stand on it. ConfigurationError if there is
    no such experiment or session."""
    mlflow, source = MlflowSessions(access_of(settings)), settings.sources[0]
    try:
        place = await mlflow.experiment_id(experiment)
        return await InMlflow(settings, source, mlflow, place, source.tenant, EVER, None, session_id).read(session_id)
    finally:
        await mlflow.close()


def refuse_missing_keys(specs: Sequence[JudgeSpec]) -> None:
    """ConfigurationError for a model that cannot be called, while nothing has been paid."""
    for model in sorted({spec.model for spec in specs}):
        if missing := missing_keys(model):
            raise ConfigurationError(
                f"{' and '.join(missing)} not set, which {model} needs: export {missing[0]}=…, or name another model"
            )


def _evaluate(
    settings: Settings,
    specs: Sequence[JudgeSpec],
    judges: MlflowJudges,
    rows: AssessmentStore,
    model: Model | None,
) -> Evaluate:
    clock = SystemClock()
    spending = _Purse(settings.evaluate.usd_per_day, settings.evaluate.tokens_per_day)
    asked = model or LitellmModel(settings.models.concurrency)
    journal = JsonJournal(clock, "error", settings.log.format)
    parts = EvaluateParts(
        namespace=settings.mlflow.namespace,
        terms=Terms(specs=tuple(specs), rules=(), content=b""),
        known=_Unknown(),
        judges=judges,
        choke_point=ChokePoint(asked, _Answers(), NoLeases(), spending, clock, PrometheusMetrics(), journal),
        assessments=rows,
        limits=settings.limits(),
        clock=clock,
        tasks=AsyncioTasks(),
    )
    return Evaluate(parts)


class _Unknown:
    """loops.evaluate.KnownSessions: no live path knows of anything."""

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None:
        return None

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]:
        return {}


@dataclass(slots=True)
class _Answers:
    """ports.Answers, as long as this process lives."""

    saved: dict[tuple[str, str], Completion] = field(default_factory=dict)

    async def find_answer(self, claim: Claim, call_key: str) -> Completion | Literal["paused"] | None:
        return self.saved.get((claim.session.key, call_key))

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        self.saved[claim.session.key, call_key] = answer


@dataclass(slots=True)
class _Purse:
    """ports.Spending, of this one run."""

    usd_max: float
    tokens_max: int
    usd: float = 0.0
    tokens: int = 0
    open: dict[str, tuple[float, int]] = field(default_factory=dict)

    async def reserve(self, call: str, usd: float, tokens: int, until_ms: int) -> bool:
        reserved_usd = sum(one[0] for one in self.open.values())
        reserved_tokens = sum(one[1] for one in self.open.values())
        if self.usd + reserved_usd + usd > self.usd_max or self.tokens + reserved_tokens + tokens > self.tokens_max:
            return False
        self.open[call] = (usd, tokens)
        return True

    async def settle(self, call: str, usd: float, tokens: int) -> None:
        self.open.pop(call, None)
        self.usd, self.tokens = self.usd + usd, self.tokens + tokens


@dataclass(slots=True)
class _Given:
    """The part of ports.AssessmentStore that judging needs: what is expected. Nothing is ever written."""

    expected: Expectations

    async def expectations(self, first_trace: str, session_id: str) -> Mapping[str, Any] | None:
        return self.expected.get(session_id, {})

    async def patch(self, row: Row) -> bool:
        raise AssertionError("nothing is written here")

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        raise AssertionError("nothing is written here")

    async def delete(self, row: RowRef) -> None:
        raise AssertionError("nothing is written here")

    async def close(self) -> None:
        return None
