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
from streamer.core.model import Completion, ModelRequest
from streamer.core.retry import next_try_ms
from streamer.core.session import Claim, Facts, SessionRef, SessionState
from streamer.core.terms import Terms
from streamer.core.verdict import JudgeFailure
from streamer.errors import CallFailed, ConfigurationError, StreamerError
from streamer.loops.choke_point import Account, ChokePoint, SpendingLimitReached
from streamer.loops.evaluate import TRIES_MAX, Evaluate, EvaluateParts, NoLeases, apart
from streamer.ports import AssessmentStore
from streamer.settings import Settings

Expectations = Mapping[str, Mapping[str, Any]]
"""What people expect of a session, by its id."""


class Purchases:
    """The way to models of one run: whatever is asked goes through one choke point, under one limit."""

    def __init__(self, settings: Settings) -> None:
        own, clock = settings.evaluate, SystemClock()
        self._clock, self._limits, self._limit_usd = clock, settings.limits(), own.usd_per_day
        spending = _Purse(own.usd_per_day, own.tokens_per_day)
        journal = JsonJournal(clock, "error", settings.log.format)
        model = LitellmModel(settings.models.concurrency)
        self.choke_point = ChokePoint(model, _Answers(), NoLeases(), spending, clock, PrometheusMetrics(), journal)

    def account(self, name: str, model: str) -> Account:
        """Of whoever asks a model and is no judge."""
        spec = JudgeSpec(type="make_judge", name=name, model=model)
        terms = Terms(specs=(), rules=(), content=b"")
        return Account(apart(SessionRef(Scope("", ""), name), terms), spec, 0)

    async def insistent(self, account: Account, request: ModelRequest) -> Completion:
        """The answer, asked for again as a judge's is. Raises CallFailed; StreamerError where the limit is reached."""
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await self.choke_point.ask(account, request)
            except CallFailed as error:
                if isinstance(account.stopped_by, SpendingLimitReached):
                    raise self.too_dear() from None
                if account.stopped_by is not None:
                    raise account.stopped_by from None
                failure = JudgeFailure(kind=error.kind, detail=error.detail, retry_after_ms=error.retry_after_ms)
                wait_ms = next_try_ms(failure, attempt, self._limits)
                if wait_ms is None or attempt == TRIES_MAX:
                    raise
                await self._clock.sleep_ms(wait_ms)
        raise AssertionError("unreachable")

    def too_dear(self) -> StreamerError:
        return StreamerError(
            f"the spending limit of [evaluate] is reached: raise usd_per_day ({self._limit_usd:g} USD), or "
            "tokens_per_day, which counts where a price is unknown"
        )


async def judged(
    settings: Settings,
    specs: Sequence[JudgeSpec],
    sessions: Iterable[Found],
    *,
    expectations: Expectations | None = None,
    purchases: Purchases | None = None,
) -> AsyncIterator[Evaluated]:
    """Each session as it is done, `evaluate.sessions_at_once` at the same time. What is expected of a session is asked
    of MLflow, unless it is given. ConfigurationError before anything is paid: a missing key, a judge that MLflow does
    not take. StreamerError where the spending limit ended it."""
    for model in sorted({spec.model for spec in specs}):
        refuse_missing_key(model)
    buying = purchases or Purchases(settings)
    judges = await asyncio.to_thread(MlflowJudges, settings.evaluate.sessions_at_once, specs)
    rows = MlflowAssessments(access_of(settings)) if expectations is None else _Given(expectations)
    evaluate = _evaluate(settings, specs, judges, rows, buying)
    room = asyncio.Semaphore(settings.evaluate.sessions_at_once)

    async def one(found: Found) -> Evaluated:
        async with room:
            return await evaluate.session(found)

    works = [asyncio.create_task(one(found)) for found in sessions]
    try:
        for work in asyncio.as_completed(works):
            yield await work
    except SpendingLimitReached:
        raise buying.too_dear() from None
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


def refuse_missing_key(model: str) -> None:
    """ConfigurationError for a model that cannot be called, while nothing has been paid."""
    if missing := missing_keys(model):
        raise ConfigurationError(
            f"{' and '.join(missing)} not set, which {model} needs: export {missing[0]}=…, or name another model"
        )


def _evaluate(
    settings: Settings, specs: Sequence[JudgeSpec], judges: MlflowJudges, rows: AssessmentStore, buying: Purchases
) -> Evaluate:
    parts = EvaluateParts(
        namespace=settings.mlflow.namespace,
        terms=Terms(specs=tuple(specs), rules=(), content=b""),
        known=_Unknown(),
        judges=judges,
        choke_point=buying.choke_point,
        assessments=rows,
        limits=settings.limits(),
        clock=SystemClock(),
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
