"""`streamer evaluate`: sessions that were traced before, judged apart from the live path, written only when asked.

Rule: it has answers, spending and pace of its own, and reads of the live path no more than what is known of a session.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.litellm_model import LitellmModel, missing_keys
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_assessments.sessions import MlflowSessions
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.adapters.mlflow_translation import translated
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.answers import SavedAnswers
from streamer.adapters.redis_sessions.runs import EvaluationRuns
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import access_of, open_for
from streamer.app.evaluating_keys import own_keys, remove_silent
from streamer.app.evaluating_run import OnDone, Report, Run, run
from streamer.app.evaluating_sources import (
    EVER,
    InMlflow,
    Known,
    Period,
    Replayed,
    Sessions,
    records_of_files,
    records_of_topic,
)
from streamer.app.handing_over import handing_over
from streamer.app.looking import source_named
from streamer.app.rereading import Tell
from streamer.core.evaluating import differing
from streamer.core.judges import JudgeSpec, models_of
from streamer.core.model import Completion, ModelRequest
from streamer.core.session import SessionRef
from streamer.core.tally import Tally
from streamer.core.terms import Terms
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError
from streamer.loops.choke_point import Account, ChokePoint
from streamer.loops.evaluate import TRIES_MAX, Buys, Evaluate, EvaluateParts, NoLeases
from streamer.loops.pacing import Paced
from streamer.ports import Model
from streamer.settings import Settings, Source

ANSWER = '{"result": "yes", "rationale": "-"}'


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which sessions, and what is done with them. Exactly one of `experiment`, `topic`, `files`, `known`."""

    terms: Terms
    experiment: str | None = None
    topic: str | None = None
    files: Sequence[Path] = ()
    known: Sequence[SessionRef] = ()
    period: Period = EVER
    filter: str | None = None
    session: str | None = None
    limit: int | None = None
    source: str | None = None
    write: bool = False
    replace: bool = False
    dry_run: bool = False
    fresh: bool = False
    times: int = 1


async def evaluate(settings: Settings, wanted: Wanted, report: Report, tell: Tell, on_done: OnDone) -> None:
    """Judge what is wanted; `report` grows as it goes. ConfigurationError for what would go wrong, before it costs."""
    if not wanted.dry_run:
        _refuse_missing_keys(wanted.terms)
    async with AsyncExitStack() as stack:
        live = await _opened(stack, settings)
        apart = await _opened(stack, settings.apart("evaluate"))
        if wanted.write:
            await _refuse_other_definitions(live, wanted)
        runs = EvaluationRuns(apart.shared)
        await remove_silent(settings, runs)
        sessions = await _sessions(stack, settings, wanted, runs, tell)
        judging = await _judging(stack, settings, wanted, live, apart)
        writer = await handing_over(stack, settings, wanted.terms, live) if wanted.write else None
        await run(Run(settings.evaluate.sessions_at_once, wanted.limit, report, sessions, judging, writer, on_done))
        if wanted.times > 1:
            await _note_noise(_answers(settings, live, apart), report.tally, wanted.times)


def report_of(specs: Sequence[JudgeSpec]) -> Report:
    """An empty one."""
    return Report(Tally.of(specs))


async def _opened(stack: AsyncExitStack, settings: Settings) -> RedisConnection:
    redis = await open_for(settings)
    stack.push_async_callback(redis.close)
    return redis


def _refuse_missing_keys(terms: Terms) -> None:
    for model in models_of(terms.specs):
        if missing := missing_keys(model):
            raise ConfigurationError(
                f"{' and '.join(missing)} not set, which {model} needs: export {missing[0]}=…, name another --model, "
                "or see what it would cost with --dry-run"
            )


async def _refuse_other_definitions(live: RedisConnection, wanted: Wanted) -> None:
    names = differing(wanted.terms.specs, await live.evaluate_handle().judges_in_force())
    if names and not wanted.replace:
        raise ConfigurationError(
            f"{', '.join(names)}: the live path has a judge of that name and another definition, whose verdicts would "
            "be replaced. Give this one a name of its own, or take --replace: what stood goes to the history"
        )


def source_of(settings: Settings, wanted: Wanted) -> Source:
    """The [[sources]] table under which the live path knows these sessions: the named one, else the topic's.
    ConfigurationError where several could be meant and something is written: under the wrong one a session would be
    paid for and told twice."""
    if wanted.source:
        return source_named(settings, wanted.source)
    reading = [one for one in settings.sources if wanted.topic is not None and one.reads(wanted.topic)]
    sources = reading or list(settings.sources)
    if wanted.write and len(sources) > 1:
        known = ", ".join(source.name for source in sources)
        raise ConfigurationError(
            f"--write needs --source where there are several: these sessions are of one of {known}"
        )
    return sources[0]


async def _sessions(
    stack: AsyncExitStack, settings: Settings, wanted: Wanted, runs: EvaluationRuns, tell: Tell
) -> Sessions:
    if wanted.known:
        return Known(wanted.known)
    source = source_of(settings, wanted)
    if wanted.experiment is not None:
        mlflow = MlflowSessions(access_of(settings))
        stack.push_async_callback(mlflow.close)
        experiment_id = await mlflow.experiment_id(wanted.experiment)
        known = {experiment: tenant for tenant, experiment in settings.mlflow.experiments.items()}
        tenant = known.get(experiment_id) or known.get(wanted.experiment) or source.tenant
        return InMlflow(settings, source, mlflow, experiment_id, tenant, wanted.period, wanted.filter, wanted.session)
    own = await stack.enter_async_context(own_keys(settings, runs))
    replayed = Replayed(settings, source, own, wanted.session, wanted.period.since_ms if wanted.topic else None)
    if wanted.topic is not None:
        records, total = await asyncio.to_thread(records_of_topic, settings, wanted.topic, wanted.period)
        await replayed.fill(records, total, tell, source.cut_rules())
    else:
        rules = CutRules(tenant=source.tenant, keep="all", session_keys=source.session_keys)
        await replayed.fill(records_of_files(wanted.files), 0, tell, rules)
    return replayed


def _answers(settings: Settings, live: RedisConnection, apart: RedisConnection) -> SavedAnswers:
    return SavedAnswers(apart.shared, live.evaluate_handle(), settings.evaluate.answers_ms)


async def _judging(
    stack: AsyncExitStack, settings: Settings, wanted: Wanted, live: RedisConnection, apart: RedisConnection
) -> Evaluate:
    clock, own = SystemClock(), settings.evaluate
    judges = MlflowJudges(own.sessions_at_once * wanted.times, wanted.terms.specs)
    stack.push_async_callback(asyncio.to_thread, judges.close)
    assessments = MlflowAssessments(access_of(settings))
    stack.push_async_callback(assessments.close)
    model: Model = LitellmModel(settings.models.concurrency)
    if own.calls_per_minute is not None:
        model = Paced(model, clock, own.calls_per_minute)
    answers, prefix = _answers(settings, live, apart), apart.shared.prefix
    if wanted.dry_run:
        buys: Buys = Estimating(model, answers)
    else:
        spending = RedisSpending(
            apart.shared.primary, usd_max=own.usd_per_day, tokens_max=own.tokens_per_day, prefix=prefix
        )
        journal = JsonJournal(clock, "error", settings.log.format)
        buys = ChokePoint(model, answers, NoLeases(), spending, clock, PrometheusMetrics(), journal)
    parts = EvaluateParts(
        namespace=settings.mlflow.namespace,
        terms=wanted.terms,
        known=live.evaluate_handle(),
        judges=judges,
        choke_point=buys,
        assessments=assessments,
        limits=settings.limits(),
        clock=clock,
        tasks=AsyncioTasks(),
        times=wanted.times,
        tries_max=1 if wanted.dry_run else TRIES_MAX,
        fresh=wanted.fresh,
        caps=settings.turns.caps(),
        translate=translated,
        session_keys={source.name: source.session_keys for source in settings.sources},
    )
    return Evaluate(parts)


class Estimating:
    """Buys nothing: what is saved costs nothing, the rest is answered with a guess and its price."""

    def __init__(self, model: Model, answers: SavedAnswers) -> None:
        self._model, self._answers = model, answers

    async def ask(self, account: Account, request: ModelRequest) -> Completion:
        if (saved := await self._answers.saved(account.held.claim, request.call_key(account.rejected))) is not None:
            return saved
        account.calls += 1
        usd, tokens = self._model.estimate(request)
        return Completion(content=ANSWER, input_tokens=tokens, output_tokens=0, cost_usd=usd)


async def _note_noise(answers: SavedAnswers, tally: Tally, times: int) -> None:
    noise = {
        f"{judge.spec.name}|{judge.spec.version}": json.dumps(
            {"agreement": judge.agreement, "sessions": judge.repeated, "times": times}
        )
        for judge in tally.judges.values()
        if judge.agreement is not None
    }
    await answers.note_noise(noise)


__all__ = ["OnDone", "Period", "Report", "Wanted", "evaluate", "report_of"]
