"""Verdicts of an evaluation go the live path: taken, told, written and completed like any claim.

Rule: nothing is written in another way. A session that is open is left alone, the live path will judge it as it is; a
judge's failure is never handed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from streamer.core.evaluating import Evaluated, Judged, handed, known_before, with_versions
from streamer.core.fullness import look_of, size_of
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing, most_of
from streamer.core.rules import rule_of
from streamer.core.session import Claim, Handover, NotTaken, Outcome, SessionRef, SessionState
from streamer.core.terms import Terms
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure
from streamer.loops.held import Held
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.rebuild import StoredTraces, known_in_mlflow
from streamer.ports import SessionStore

Written = Literal["written", "stood", "owed", "lost", "paused", "changed", "open"]
"""written: it stands in MLflow and on the feed · stood: there was nothing to write · owed: handed over, and the live
path delivers what MLflow or Kafka did not take yet · lost: another worker holds it now · changed: it has grown since it
was read · open: the live path is still to judge it · paused: streamer pause is in force."""


class TakingStore(SessionStore, Protocol):
    async def remember_traces(self, session: SessionRef, trace_ids: Sequence[str]) -> Mapping[str, int]:
        """By trace its version on the live path, 0 if it was erased. Repeatable."""

    async def take(self, session: SessionRef, what: Handover) -> Claim | NotTaken:
        """Lease a session that is at rest, or that nobody knows; or why not."""


class HandedOver:
    """judge.Scores: what was judged apart, as entries of the claim that hands it over."""

    def __init__(self) -> None:
        self.verdicts: dict[tuple[str, int], Mapping[str, Judged]] = {}
        """By name of the claim."""

    async def entries(self, held: Held, transcript: Transcript, closed: Closing) -> dict[str, Entry]:
        told, claim = self.verdicts[held.claim.name], held.claim
        return {
            name: handed(claim.state.ledger.get(name), judged, transcript, claim.generation, closed.rule.name)
            for name, judged in told.items()
        }

    def unread(self, held: Held, turns: Iterable[Turn], closed: Closing, failure: JudgeFailure) -> dict[str, Entry]:
        raise NotImplementedError("a session that nobody could read is not handed over")


@dataclass(slots=True)
class _Work:
    turns: Mapping[str, Turn]
    closed: Closing
    ended: Written = "lost"


class HandingOver(Judge):
    """`parts.scoring` is `scores`."""

    def __init__(self, parts: JudgeParts, store: TakingStore, traces: StoredTraces, scores: HandedOver, namespace: str):
        super().__init__(parts)
        self._store, self._traces, self._scores, self._namespace = store, traces, scores, namespace
        self._works: dict[tuple[str, int], _Work] = {}

    async def hand_over(self, done: Evaluated) -> Written:
        """Repeatable: what was written once stands. Raises TransientError where it could not be taken."""
        fresh = done.fresh
        if not fresh:
            return "stood"
        terms = self._p.in_force.terms
        terms = Terms(
            specs=tuple(spec for spec in terms.specs if spec.name in fresh), rules=terms.rules, content=terms.content
        )
        asked_at_ms = self._p.clock.now_ms()
        taken = await self._take(done, terms)
        if not isinstance(taken, Claim):
            return taken
        held = self._p.held.add(taken, asked_at_ms, terms)
        self._works[taken.name] = work = _Work(done.turns, self._closed(taken.state, done))
        self._scores.verdicts[taken.name] = fresh
        try:
            await self._work(held)
        finally:
            del self._works[taken.name], self._scores.verdicts[taken.name]
        return work.ended

    async def _take(self, done: Evaluated, terms: Terms) -> Claim | NotTaken:
        known = done.state
        new = {trace: turn for trace, turn in done.turns.items() if known is None or trace not in known.members}
        stored = done.stored
        if stored is None:
            stored = await known_in_mlflow(self._traces, done.ref.session_id, done.turns)
        before = known_before(self._namespace, done.transcript, stored, terms.specs)
        versions = await self._store.remember_traces(done.ref, sorted(new))
        if not all(versions.values()):
            return "changed"  # erased meanwhile
        rule = rule_of(terms.rules, done.ref.scope.tenant, done.turns.values())
        handover = Handover(
            version=known.version if known else 0,
            activity_ms=max(turn.end_ns for turn in done.turns.values()) // 1_000_000,
            pace=rule.pace,
            turns=with_versions(new, versions),
            entries=before.entries,
            rows=before.rows,
        )
        return await self._store.take(done.ref, handover)

    def _closed(self, state: SessionState, done: Evaluated) -> Closing:
        """As it was closed last; as fallen quiet where the live path never saw it."""
        rule = rule_of(self._p.in_force.terms.rules, done.ref.scope.tenant, done.turns.values())
        size = size_of(done.turns.values())
        look = look_of(state, size, most_of(rule), closed=True)
        return Closing(state.reason or "quiet", state.activity_ms, rule, size, look)

    async def _judge(self, held: Held) -> None:
        work = self._works[held.claim.name]
        await self._score_and_write(held, work.turns, work.closed)

    async def _complete(self, held: Held, outcome: Outcome) -> bool:
        done = await super()._complete(held, outcome)
        if done and (work := self._works.get(held.claim.name)):
            work.ended = "owed" if any(entry.owes for entry in outcome.entries.values()) else "written"
        return done
