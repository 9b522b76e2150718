"""MLflow's multi-turn judges, unchanged, on traces built from turns: no MLflow server is asked.

Rule: a judge's model call goes to `ask` and nowhere else.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from streamer.adapters.mlflow_judges.bridge import Judgement, Stopped, register_provider
from streamer.adapters.mlflow_judges.scorers import accepted, one_feedback, scorer_of
from streamer.adapters.mlflow_judges.traces import traces_of
from streamer.core.judges import JudgeSpec
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.core.wire.values import encodable
from streamer.ports import Ask
from streamer.quiet import hush

OWN = ("code", "registered")
"""Judges that may be code: their deadline is that of the whole judgement."""


class MlflowJudges:
    """Judges. Each judgement waits for its model in a thread of its own, since MLflow's judges are synchronous."""

    def __init__(self, sessions_at_once: int = 16, specs: Collection[JudgeSpec] = ()) -> None:
        """`specs` are made ready now: importing MLflow takes seconds that no session should wait for.
        ConfigurationError for one that MLflow does not take."""
        hush()
        register_provider()
        self._threads = ThreadPoolExecutor(sessions_at_once * max(1, len(specs)), "judge")
        self._scorers: dict[tuple[object, ...], Callable[..., Any]] = {}
        self.make_ready(specs)

    def make_ready(self, specs: Collection[JudgeSpec]) -> None:
        """Takes seconds. ConfigurationError for a judge that MLflow does not take; known ones cost nothing."""
        for spec in specs:
            if _name(spec) not in self._scorers:
                self._rehearse(spec)

    async def judge(
        self, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None, ask: Ask
    ) -> Verdict | JudgeFailure:
        """What MLflow's judge says of the transcript, or why it says nothing. When cancelled, an answer under way is
        still waited for by `ask`, since it is paid, and no other is asked for."""
        loop = asyncio.get_running_loop()
        judgement = Judgement(loop, ask, spec.model)
        try:
            async with asyncio.timeout(spec.deadline_ms / 1000 if spec.type in OWN else None):
                outcome = await loop.run_in_executor(
                    self._threads, self._run, judgement, spec, transcript, expectations
                )
        except TimeoutError:  # a thread cannot be stopped: it ends by itself, and nobody waits for it
            return JudgeFailure(kind="timeout", detail="the judge's own code", usage=judgement.usage)
        finally:
            judgement.cancelled = True
        if judgement.broken is not None:
            raise judgement.broken
        return outcome

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(
        self, judgement: Judgement, spec: JudgeSpec, transcript: Transcript, expectations: Mapping[str, Any] | None
    ) -> Verdict | JudgeFailure:
        known = {"expectations": dict(expectations)} if expectations is not None else {}
        scorer = self._scorer(spec)
        try:
            feedback = one_feedback(judgement.run(lambda: scorer(session=traces_of(spec, transcript), **known)))
        except Stopped:
            return _stopped(judgement)
        except Exception as error:  # noqa: BLE001 – the judge's own code, and whatever it makes of an odd answer
            kind: Literal["bad_answer", "internal"] = "bad_answer" if judgement.usage.requests else "internal"
            return JudgeFailure(kind=kind, detail=type(error).__name__, usage=judgement.usage)
        value = None if feedback.error is not None else accepted(spec, feedback.value)
        if value is None:
            detail = "a value outside the judge's labels or type"
            return JudgeFailure(kind="bad_answer", detail=detail, usage=judgement.usage)
        # PostgreSQL takes no NUL in a text: MLflow would answer 500 to this row for ever.
        rationale = encodable(str(feedback.rationale or "")).replace("\0", "")
        return Verdict(value=value, rationale=rationale, usage=judgement.usage)

    def _rehearse(self, spec: JudgeSpec) -> None:
        """Make the judge and run it up to its first model call; code of others is not run for that."""
        if spec.type in OWN:
            self._scorer(spec)
            return
        turn = Turn(trace_id="0" * 31 + "1", version=0, start_ns=1, end_ns=2, user="", assistant="")
        transcript = Transcript(session_id="rehearsal", turns=(turn,), hash="")
        self._run(Judgement(None, None, spec.model), spec, transcript, None)

    def _scorer(self, spec: JudgeSpec) -> Callable[..., Any]:
        name = _name(spec)
        if name not in self._scorers:
            self._scorers[name] = scorer_of(spec)
        return self._scorers[name]


def _name(spec: JudgeSpec) -> tuple[object, ...]:
    """What may be run is asked again where it was allowed otherwise."""
    return spec.name, spec.version, spec.allow


def _stopped(judgement: Judgement) -> JudgeFailure:
    failure = judgement.failure
    if failure is None:
        return JudgeFailure(kind="internal", detail="cancelled", usage=judgement.usage)
    return JudgeFailure(
        kind=failure.kind, detail=failure.detail, retry_after_ms=failure.retry_after_ms, usage=judgement.usage
    )
