"""One session that was traced before is judged, apart from the live path.

Rule: an answer is saved before it is used, as on the live path, so that whoever runs the same evaluation again pays for
nothing twice. Nothing is written here; loops/handing_over.py does that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamer.core.assemble import assemble
from streamer.core.evaluating import Evaluated, Found, Judged, known_before, merged, standing
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion, ModelRequest
from streamer.core.retry import next_try_ms
from streamer.core.session import Claim, Facts, SessionRef, SessionState
from streamer.core.session_id import SESSION_KEYS
from streamer.core.terms import Terms
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn, is_probe
from streamer.core.verdict import JudgeFailure, Usage
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate
from streamer.core.wire.decode import CAPS
from streamer.loops.choke_point import Account
from streamer.loops.held import Held
from streamer.loops.scoring import expectations_of, not_scorable
from streamer.ports import AssessmentStore, Clock, Judges, Tasks

TRIES_MAX = 6
"""Of one judgement. A provider that is down for longer is named in the summary; the same command goes on later."""
ATTEMPTS = 1_000
"""Call keys of one of several times that a judge is asked: more unusable answers to one request are never asked for."""


class KnownSessions(Protocol):
    """The part of the store that is looked at."""

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None: ...

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]: ...


class Buys(Protocol):
    """loops.choke_point.ChokePoint, or what only counts what it would cost."""

    async def ask(self, account: Account, request: ModelRequest) -> Completion: ...


class NoLeases:
    """Whoever judges apart holds no session while money is spent."""

    async def refresh(self, held: Held) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateParts:
    """`fresh`: verdicts that stand are asked for anew."""

    namespace: str
    terms: Terms
    known: KnownSessions
    judges: Judges
    choke_point: Buys
    assessments: AssessmentStore
    limits: Limits
    clock: Clock
    tasks: Tasks
    times: int = 1
    tries_max: int = TRIES_MAX
    fresh: bool = False
    caps: Caps = CAPS
    translate: Translate | None = None
    session_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Evaluate:
    def __init__(self, parts: EvaluateParts) -> None:
        self._p = parts

    async def session(self, found: Found) -> Evaluated:
        """Raises SpendingLimitReached, Paused, TransientError of Redis or MLflow."""
        ref = found.ref
        transcript, turns, state = await self._read(found)
        skipped = found.skipped or ("no_turns" if not turns else None)
        if state is not None and state.shared:
            skipped = "shared_session_id"
        elif is_probe(turns.values()):
            skipped = "probe"
        if skipped:
            return Evaluated(ref=ref, transcript=transcript, turns={}, judged=(), state=state, skipped=skipped)
        before = known_before(self._p.namespace, transcript, found.stored or (), self._p.terms.specs).entries
        ledger = {**before, **(state.ledger if state else {})}
        works = [self._judge(ref, spec, transcript, ledger.get(spec.name)) for spec in self._p.terms.specs]
        judged = tuple(one for told in await self._p.tasks.together(works) for one in told)
        return Evaluated(ref=ref, transcript=transcript, turns=turns, judged=judged, state=state, stored=found.stored)

    async def _read(self, found: Found) -> tuple[Transcript, dict[str, Turn], SessionState | None]:
        ref, p = found.ref, self._p
        known = await p.known.session(ref.key)
        state = known[1] if known else None
        facts = await p.known.facts(ref.scope, sorted(set(found.turns) | set(state.members if state else ())))
        keys = p.session_keys.get(ref.scope.source, SESSION_KEYS)
        turns = merged(ref, found.turns, facts, state, p.caps, p.translate, keys, p.terms.asked)
        return assemble(ref.session_id, turns), turns, state

    async def _judge(
        self, ref: SessionRef, spec: JudgeSpec, transcript: Transcript, entry: Entry | None
    ) -> list[Judged]:
        if (failure := not_scorable(transcript)) is not None:
            return [Judged(spec=spec, outcome=failure)]
        stands = None if self._p.fresh or self._p.times > 1 else standing(entry, spec, transcript)
        if stands is not None:
            return [stands]
        works = [self._ask(ref, spec, transcript, number) for number in range(self._p.times)]
        told: list[Judged] = await self._p.tasks.together(works)
        return told

    async def _ask(self, ref: SessionRef, spec: JudgeSpec, transcript: Transcript, number: int) -> Judged:
        """Until it gives a verdict, or will not. Each of several times has answers of its own."""
        expectations = await expectations_of(self._p.assessments, spec, transcript)
        if isinstance(expectations, JudgeFailure):
            return Judged(spec=spec, outcome=expectations, number=number)
        rejected, bought = 0, _Bought()
        for attempt in range(1, self._p.tries_max + 1):
            account = Account(apart(ref, self._p.terms), spec, number * ATTEMPTS + rejected)

            async def ask(request: ModelRequest, account: Account = account) -> Completion:
                return await bought.count(self._p.choke_point, account, request)

            answer = await self._p.judges.judge(spec, transcript, expectations, ask)
            if account.stopped_by is not None:
                raise account.stopped_by
            judged = Judged(
                spec=spec,
                outcome=answer,
                calls=bought.usage.requests,
                cost_usd=bought.usage.cost_usd,
                tokens=bought.usage.input_tokens + bought.usage.output_tokens,
                prompt_hash=account.prompt_hash,
                scored_at_ms=self._p.clock.now_ms(),
                number=number,
            )
            if not isinstance(answer, JudgeFailure) or attempt == self._p.tries_max:
                return judged
            wait_ms = next_try_ms(answer, attempt, self._p.limits)
            if wait_ms is None:
                return judged
            rejected += answer.kind == "bad_answer"
            await self._p.clock.sleep_ms(wait_ms)
        raise AssertionError("unreachable")


@dataclass(slots=True)
class _Bought:
    """What was paid for now: saved answers cost nothing."""

    usage: Usage = field(default_factory=Usage)

    async def count(self, choke_point: Buys, account: Account, request: ModelRequest) -> Completion:
        calls = account.calls
        answer = await choke_point.ask(account, request)
        if account.calls > calls:
            self.usage = self.usage.plus(answer.usage)
        return answer


def apart(ref: SessionRef, terms: Terms) -> Held:
    """For the choke point, which asks whose call it is."""
    claim = Claim(
        session=ref,
        token=0,
        generation=0,
        watermark_ms=-1,
        claimed_at_ms=0,
        due="taken",
        interrupted=False,
        state=SessionState(),
    )
    return Held(claim, 0, terms)
