"""Mistakes of closing: too early, counted from the wrong moment, or taken for the last word."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing
from streamer.core.rules import Rule
from streamer.core.sampling import Inclusion
from streamer.core.session import NOTHING, Claim, Outcome
from streamer.core.turn import Turn
from streamer.loops.held import Held
from streamer.loops.scoring import Scoring
from tests.simulation.watched import WatchedJudge, WatchedStore


class InterimIsFinal(WatchedStore):
    """A session that was judged for the time being is at rest."""

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        done = await super().end_write(claim, outcome)
        b = self.redis.buckets[claim.bucket]
        s = b.session(claim.session.key)
        if done and s is not None and s.reason in INTERIM and s.version == s.judged:
            s.reason = "quiet"
            if "quiet" in b.indexes_of(s.ref):
                b.move(s.ref, None)
        return done


class CountsTurnsForever(WatchedJudge):
    """Turns and text are counted from the session's beginning, not from its last completed closing."""

    def _closing(self, held: Held, turns: Mapping[str, Turn]) -> Closing:
        claim = replace(held.claim, state=replace(held.claim.state, closed_size=NOTHING))
        return super()._closing(replace(held, claim=claim), turns)


class InterimStands(Scoring):
    """What was said for the time being is not told and written again when nothing came after it."""

    async def _entry(self, held: Held, spec: Any, transcript: Any, closed: Closing, chosen: Inclusion) -> Entry:
        old = held.claim.state.ledger.get(spec.name)
        reason: CloseReason | None = "max_age" if old and old.interim else closed.reason
        return await super()._entry(held, spec, transcript, closed._replace(reason=reason), chosen)


class CountsAgeForever(WatchedStore):
    """The maximum age is counted from the very first fact, not from the first since the last completed closing."""

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        done = await super().end_write(claim, outcome)
        s = self.redis.buckets[claim.bucket].session(claim.session.key)
        if done and s is not None and claim.state.opened_ms is not None:
            s.opened = claim.state.opened_ms
            b = self.redis.buckets[claim.bucket]
            if "quiet" in b.indexes_of(s.ref):
                b.move_to_quiet(s)
        return done


class OtherRules(WatchedJudge):
    """Every rule as `changed` has it."""

    def changed(self, rule: Rule) -> Rule:
        raise NotImplementedError

    def _closing(self, held: Held, turns: Mapping[str, Turn]) -> Closing:
        rules = tuple(self.changed(rule) for rule in held.terms.rules)
        return super()._closing(replace(held, terms=replace(held.terms, rules=rules)), turns)


class ClosesBySmallestGap(OtherRules):
    def changed(self, rule: Rule) -> Rule:
        return replace(rule, idle_gap_ms=self._p.limits.gap_ms_min)


class ClosesByFewestTurns(OtherRules):
    def changed(self, rule: Rule) -> Rule:
        return replace(rule, max_turns=self._p.limits.max_turns)


class EndsAtOnce(OtherRules):
    def changed(self, rule: Rule) -> Rule:
        return replace(rule, settle_ms=0)
