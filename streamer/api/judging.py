"""Judge what somebody holds in their hands: traces, a session in MLflow, a list of messages. Writes nothing."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from streamer.adapters.mlflow_translation import translated
from streamer.api.specs import Judge, specs_of
from streamer.app import judging
from streamer.core.dialogue import turns_of_messages
from streamer.core.evaluating import Evaluated, Found, Judged, turns_of
from streamer.core.ids import Scope, mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.session import SessionRef
from streamer.core.turn import Turn
from streamer.core.verdict import FailureKind, JudgeFailure, VerdictValue
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError
from streamer.settings import Settings, load

T = TypeVar("T")
USUAL: tuple[Judge, ...] = ("user_frustration",)
NO_SESSION = (
    "no trace names a session: mlflow.update_current_trace(session_id=…), streamer.instrument.session, or say it here "
    "with session_id=…"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one judge said of one session. Exactly one of `value` and `failure` is there: a judge that broke gives no
    low score. `first_trace_id` is MLflow's name of the trace that carries the session's assessments, None for a
    transcript; `stands`: the verdict stood in MLflow already, and nothing was paid."""

    session_id: str
    first_trace_id: str | None
    turns: int
    judge: str
    judge_version: str
    model: str
    value: VerdictValue | None
    rationale: str
    failure: FailureKind | None
    detail: str
    calls: int
    tokens: int
    cost_usd: float | None
    stands: bool


def judge_traces(
    traces: Iterable[Any],
    judges: Sequence[Judge] = USUAL,
    *,
    model: str | None = None,
    session_id: str | None = None,
    expectations: Mapping[str, Any] | None = None,
    config: Settings | Path | str | None = None,
) -> list[Judgement]:
    """Judge MLflow's traces (entities, `to_dict()` or `to_json()` of them) by session, as they name it.

    `session_id` makes them one session, whatever they name. `expectations` hold for each session. In the order of the
    sessions' first traces, then of the judges. Raises ConfigurationError, naming what is missing, before anything is
    paid.
    """
    settings = settings_of(config)
    rules = CutRules(encoding="mlflow_json", keep="all", session_keys=settings.sources[0].session_keys)
    records = (Record("traces", 0, n, 0, _document(trace)) for n, trace in enumerate(traces))
    turns = turns_of(records, Cutter(rules), settings.turns.caps(), translated, frozenset())
    sessions: defaultdict[str, dict[str, Turn]] = defaultdict(dict)
    for trace_id, turn in turns.items():
        if named := session_id or turn.session_id:
            sessions[named][trace_id] = turn
    if not sessions:
        raise ConfigurationError(NO_SESSION if turns else "there is nothing to judge: no trace holds a span")
    found = [Found(_ref(settings, named), of) for named, of in sessions.items()]
    return _judged(settings, specs_of(settings, judges, model), found, _each(found, expectations or {}))


def judge_session(
    session_id: str,
    judges: Sequence[Judge] = USUAL,
    *,
    experiment: str = "0",
    model: str | None = None,
    config: Settings | Path | str | None = None,
) -> list[Judgement]:
    """Look a session up in MLflow (`mlflow.tracking_uri`, an experiment by name or id) and judge the whole of it.

    A verdict of the very same judge about the very same conversation that stands there is taken, not paid for again.
    Expectations are those that people have logged on its first trace.
    """
    settings = settings_of(config)
    specs = specs_of(settings, judges, model)

    async def look() -> list[Evaluated]:
        found = await judging.in_mlflow(settings, experiment, session_id)
        if found.skipped is not None:
            raise ConfigurationError(f"session {session_id!r} cannot be judged: {found.skipped}")
        return [done async for done in judging.judged(settings, specs, [found])]

    return _told(_waited(look()), specs)


def judge_transcript(
    messages: Iterable[Mapping[str, Any]],
    judges: Sequence[Judge] = USUAL,
    *,
    model: str | None = None,
    session_id: str = "transcript",
    expectations: Mapping[str, Any] | None = None,
    config: Settings | Path | str | None = None,
) -> list[Judgement]:
    """Judge a conversation that is a list of messages, as OpenAI's API has them."""
    settings = settings_of(config)
    try:
        turns = turns_of_messages(session_id, messages)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if not turns:
        raise ConfigurationError('there is nothing to judge: messages are [{"role": "user", "content": "…"}, …]')
    found = [Found(_ref(settings, session_id), turns)]
    specs = specs_of(settings, judges, model)
    return _judged(settings, specs, found, _each(found, expectations or {}), traced=False)


# ---------------------------------------------------------------- how


def settings_of(config: Settings | Path | str | None) -> Settings:
    return config if isinstance(config, Settings) else load(None if config is None else Path(config))


def _ref(settings: Settings, session_id: str) -> SessionRef:
    return SessionRef(Scope(settings.sources[0].name, settings.sources[0].tenant), session_id)


def _document(trace: Any) -> bytes:  # noqa: ANN401 – MLflow's Trace, or what it writes of itself
    """A trace as core/wire reads MLflow's."""
    if isinstance(trace, str | bytes):
        return trace.encode() if isinstance(trace, str) else trace
    if isinstance(trace, Mapping):
        return json.dumps(trace, default=str).encode()
    if callable(getattr(trace, "to_json", None)):
        return str(trace.to_json()).encode()
    raise ConfigurationError(f"{type(trace).__name__} is no trace: give what mlflow.get_trace or search_traces return")


def _each(found: Sequence[Found], expectations: Mapping[str, Any]) -> judging.Expectations:
    return {one.ref.session_id: expectations for one in found}


def _judged(
    settings: Settings,
    specs: Sequence[JudgeSpec],
    found: Sequence[Found],
    expectations: judging.Expectations,
    *,
    traced: bool = True,
) -> list[Judgement]:
    async def judge() -> list[Evaluated]:
        return [done async for done in judging.judged(settings, specs, found, expectations=expectations)]

    return _told(_waited(judge()), specs, traced=traced)


def _told(done: Iterable[Evaluated], specs: Sequence[JudgeSpec], *, traced: bool = True) -> list[Judgement]:
    order = {spec.name: n for n, spec in enumerate(specs)}
    sessions = sorted(done, key=lambda one: (one.transcript.turns[0].start_ns, one.ref.session_id))
    return [
        _judgement(one, said, traced=traced)
        for one in sessions
        for said in sorted(one.judged, key=lambda said: order[said.spec.name])
    ]


def _judgement(done: Evaluated, said: Judged, *, traced: bool) -> Judgement:
    outcome = said.outcome
    failed = isinstance(outcome, JudgeFailure)
    return Judgement(
        session_id=done.ref.session_id,
        first_trace_id=mlflow_trace_id(done.transcript.traces[0]) if traced else None,
        turns=len(done.transcript.turns),
        judge=said.spec.name,
        judge_version=said.spec.version,
        model=said.spec.model,
        value=None if isinstance(outcome, JudgeFailure) else outcome.value,
        rationale="" if isinstance(outcome, JudgeFailure) else outcome.rationale,
        failure=outcome.kind if isinstance(outcome, JudgeFailure) else None,
        detail=outcome.detail if isinstance(outcome, JudgeFailure) else "",
        calls=said.calls,
        tokens=said.tokens,
        cost_usd=said.cost_usd if not failed or said.calls else 0.0,
        stands=said.stands,
    )


def _waited(work: Coroutine[Any, Any, T]) -> T:
    """Its result, also where an event loop is running already (a notebook, an async application): then in a thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, "streamer") as thread:
        return thread.submit(asyncio.run, work).result()
