"""Each judge's entry for a transcript: from the ledger, from saved answers, or bought.

Rule: a judge whose ledger has this transcript is not called. A verdict that stood is never lost to a failure: it moves
into the entry's history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from streamer.core.choosing import choices, included, left_out, resumed, unrenewed_by
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing, Limits
from streamer.core.model import Completion, ModelRequest
from streamer.core.sampling import Inclusion, draw
from streamer.core.scoring import begun, closed_again, deferred, failed, judged, unread
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure
from streamer.errors import PermanentError, TransientError
from streamer.loops.choke_point import Account, ChokePoint, SpendingLimitReached
from streamer.loops.held import Held
from streamer.ports import AssessmentStore, Clock, Journal, Judges, Metrics, Tasks


def not_scorable(transcript: Transcript) -> JudgeFailure | None:
    """Why no judge can be asked about it: nothing was said, or nothing is left of it."""
    if any(turn.unscorable is None for turn in transcript.turns):
        return None
    kind = transcript.turns[0].unscorable if transcript.turns else None
    return JudgeFailure(kind="not_scorable", detail=kind or "no_content")


async def expectations_of(
    assessments: AssessmentStore, spec: JudgeSpec, transcript: Transcript
) -> Mapping[str, Any] | JudgeFailure | None:
    """What people expect of the session, by name; None where the judge does not read it."""
    if not spec.reads_expectations:
        return None
    try:
        expectations = await assessments.expectations(transcript.traces[0], transcript.session_id)
    except (TransientError, PermanentError) as error:
        return JudgeFailure(kind="unavailable", detail=type(error).__name__)
    if expectations is None:
        detail = "MLflow does not have the first trace yet, and with it the expectations"
        return JudgeFailure(kind="unavailable", detail=detail)
    if not expectations:
        return JudgeFailure(kind="expectations_missing", detail="the session's first trace has no expectations")
    return expectations


class Scoring:
    def __init__(
        self,
        judges: Judges,
        choke_point: ChokePoint,
        assessments: AssessmentStore,
        limits: Limits,
        clock: Clock,
        tasks: Tasks,
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self._judges, self._choke_point, self._assessments = judges, choke_point, assessments
        self._limits, self._clock, self._tasks = limits, clock, tasks
        self._metrics, self._journal = metrics, journal

    async def entries(self, held: Held, transcript: Transcript, closed: Closing) -> dict[str, Entry]:
        """All judges at once; a failing one does not hold back the others."""
        specs = held.terms.specs
        chosen = self._choices(held, transcript.turns, closed)
        works = [self._entry(held, spec, transcript, closed, chosen[spec.name]) for spec in specs]
        return dict(zip((spec.name for spec in specs), await self._tasks.together(works), strict=True))

    def unread(self, held: Held, turns: Iterable[Turn], closed: Closing, failure: JudgeFailure) -> dict[str, Entry]:
        """The session can be given to no judge: what becomes of each one's entry."""
        ledger, generation, reason = held.claim.state.ledger, held.claim.generation, closed.reason or "quiet"
        return {
            spec.name: unread(ledger.get(spec.name), failure, generation, spec.version, reason, chosen)
            if chosen.is_in
            else left_out(ledger.get(spec.name), chosen, generation, spec.version)
            for spec, chosen in zip(held.terms.specs, self._choices(held, turns, closed).values(), strict=True)
        }

    def _choices(self, held: Held, turns: Iterable[Turn], closed: Closing) -> dict[str, Inclusion]:
        claim, judges = held.claim, [spec.name for spec in held.terms.specs]
        return choices(closed.rule, judges, claim.state.ledger, draw(claim.session.key), turns)

    async def _entry(
        self, held: Held, spec: JudgeSpec, transcript: Transcript, closed: Closing, chosen: Inclusion
    ) -> Entry:
        state, generation, reason = held.claim.state, held.claim.generation, closed.reason or "quiet"
        old = state.ledger.get(spec.name)
        if state.handed and old is None:  # judged apart by others; this judge was not asked to, and nothing is new
            chosen = Inclusion(0.0, "filtered", chosen.rule)
        if not chosen.is_in:
            self._leave_out(held, spec, chosen.reason)
            return left_out(old, chosen, generation, spec.version)
        old = resumed(old)
        if old is not None and old.settled(transcript.hash, self._clock.now_ms()):
            return included(closed_again(old, reason), chosen, generation)
        if old is not None and (unrenewed := unrenewed_by(closed.rule, old, closed.reason, state.reason)):
            self._leave_out(held, spec, unrenewed)
            return included(closed_again(old, reason), chosen, generation, unrenewed)
        base = begun(old, transcript.hash, len(transcript.turns), generation, spec.version, reason, chosen)
        if (failure := not_scorable(transcript)) is not None:
            return self._failed(base, spec, failure)
        return await self._judge(held, spec, transcript, base)

    async def _judge(self, held: Held, spec: JudgeSpec, transcript: Transcript, base: Entry) -> Entry:
        expectations = await expectations_of(self._assessments, spec, transcript)
        if isinstance(expectations, JudgeFailure):
            return self._failed(base, spec, expectations)
        account = Account(held, spec, base.rejected)

        async def ask(request: ModelRequest) -> Completion:
            return await self._choke_point.ask(account, request)

        answer = await self._judges.judge(spec, transcript, expectations, ask)
        if isinstance(account.stopped_by, SpendingLimitReached):
            return self._deferred(base, spec)
        if account.stopped_by is not None:
            raise account.stopped_by
        base = replace(base, prompt_hash=account.prompt_hash, scored_at_ms=self._clock.now_ms())
        if isinstance(answer, JudgeFailure):
            return self._failed(base, spec, answer, asked=account.calls > 0)
        self._metrics.count("verdicts", judge=spec.name, value=spec.series_of(answer.value))
        return judged(base, answer)

    def _leave_out(self, held: Held, spec: JudgeSpec, reason: str) -> None:
        if held.claim.state.has_grown:
            self._metrics.count("left_out", judge=spec.name, reason=reason)

    def _failed(self, base: Entry, spec: JudgeSpec, failure: JudgeFailure, *, asked: bool = True) -> Entry:
        entry = failed(base, failure, self._clock.now_ms(), self._limits, asked=asked)
        self._metrics.count("judge_failures", judge=spec.name, kind=failure.kind)
        self._journal.say("warning", "judge_failed", judge=spec.name, kind=failure.kind, state=entry.state)
        return entry

    def _deferred(self, base: Entry, spec: JudgeSpec) -> Entry:
        entry = deferred(base, self._clock.now_ms())
        self._metrics.count("deferred", judge=spec.name)
        self._journal.say("warning", "deferred", judge=spec.name, until_ms=entry.next_at_ms)
        return entry
