"""`streamer agreement`: a judge's verdicts beside people's labels, and beside its own when it is asked again.

Rule: comparing reads MLflow alone and changes nothing. Asking again is an evaluation (app/evaluating.py): saved
answers, its own spending limit, nothing written to MLflow or the feed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.mlflow_assessments.feedback import MlflowFeedback
from streamer.adapters.redis_sessions.ledgers import ledgers
from streamer.app import evaluating
from streamer.app.building import access_of
from streamer.app.evaluating import Report
from streamer.app.people import redis_of
from streamer.core.agreement import Answers
from streamer.core.alerts.rule import as_label
from streamer.core.evaluating import Evaluated
from streamer.core.ids import mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.labels import Draw
from streamer.core.pairs import Found
from streamer.core.session import SessionRef
from streamer.core.tally import Tally
from streamer.core.terms import Terms
from streamer.core.turn import traces_in_order
from streamer.core.verdict import Verdict
from streamer.errors import ConfigurationError
from streamer.loops.handing_over import Written
from streamer.settings import Settings

LOOKED_AT = 20
"""Sessions of Redis whose place in MLflow is asked for, where nobody has said which experiments there are."""


async def found(
    settings: Settings, judge: str, experiments: Sequence[str], since_ms: int | None, on_trace: Callable[[], None]
) -> Found:
    """What MLflow's rows of this name say. ConfigurationError where it is not known in which experiments to look."""
    seen = Found(judge)
    mlflow = MlflowFeedback(access_of(settings))
    try:
        named = experiments or sorted({*settings.mlflow.experiments.values(), *settings.mlflow.experiment_ids})
        ids = [await mlflow.experiment_id(name) for name in named] or await _experiments_of_redis(settings, judge)
        if not ids:
            raise ConfigurationError("say where to look: --experiment NAME, or [mlflow] experiments in the file")
        for experiment_id in dict.fromkeys(ids):
            async for trace in mlflow.named(experiment_id, judge, since_ms):
                seen.add(trace)
                on_trace()
    finally:
        await mlflow.close()
    return seen


async def _experiments_of_redis(settings: Settings, judge: str) -> list[str]:
    """Where the sessions are that the judge read last."""
    rows = MlflowAssessments(access_of(settings))
    ids: Counter[str] = Counter()
    try:
        async with redis_of(settings) as redis:
            store, refs = redis.handle(), list[SessionRef]()
            async for ledger in ledgers(redis.shared):
                if judge in ledger.entries and ledger.entries[judge].mlflow:
                    refs.append(ledger.session)
                if len(refs) == LOOKED_AT:
                    break
            for ref in refs:
                known = await store.session(ref.key)
                turns = known[1].turns.values() if known else ()
                for trace_id in islice(traces_in_order(turns), 1):
                    ids[await rows.experiment_of(mlflow_trace_id(trace_id)) or ""] += 1
    finally:
        await rows.close()
    return [experiment_id for experiment_id in ids if experiment_id]


class Again(NamedTuple):
    """One session that the judge was asked about several times."""

    session: SessionRef
    answers: Answers
    failures: int
    first_trace_id: str


@dataclass(slots=True)
class Repeated:
    report: Report
    times: int
    sessions: list[Again] = field(default_factory=list)

    @property
    def answers(self) -> list[Answers]:
        return [one.answers for one in self.sessions]


async def repeated(
    settings: Settings, spec: JudgeSpec, draw: Draw, times: int, *, dry_run: bool, on_one: Callable[[int], None]
) -> Repeated:
    """Ask the judge `times` times about each drawn session; `dry_run` only counts what it would cost."""
    told = Repeated(Report(Tally.of((spec,))), times)
    strata = {one.session: one.stratum for one in draw.sessions}

    def on_done(done: Evaluated, written: Written | None) -> None:
        if done.skipped is None and not dry_run:
            outcomes = [one.outcome for one in done.judged]
            said = [as_label(outcome.value) for outcome in outcomes if isinstance(outcome, Verdict)]
            first = mlflow_trace_id(done.transcript.traces[0])
            stratum = strata[done.ref]
            answers = Answers(said, stratum, draw.strata[stratum].weight)
            told.sessions.append(Again(done.ref, answers, len(outcomes) - len(said), first))
        on_one(told.report.tally.sessions)

    wanted = evaluating.Wanted(
        terms=Terms(specs=(spec,), rules=settings.core_rules(), content=b""),
        known=[one.session for one in draw.sessions],
        dry_run=dry_run,
        times=times,
    )
    await evaluating.evaluate(settings, wanted, told.report, lambda what, done, total: None, on_done)
    told.sessions.sort(key=lambda one: one.session.key)
    return told


def unlabelled(found: Found, since: str | None) -> ConfigurationError:
    """Why there is nothing to compare, and what to do."""
    where = f"nobody has labelled a session for {found.judge}" + (f" since {since}" if since else "")
    if found.on_turns:
        where += f" ({len(found.on_turns)} labels stand on single turns, which speak of no session)"
    return ConfigurationError(f"{where}: streamer label --judge {found.judge} asks people")
