"""Mistakes of closing: too early, counted from the wrong moment, or taken for the last word."""

from collections.abc import Mapping
from dataclasses import replace

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing
from streamer.core.session import NOTHING, Claim, Outcome
from streamer.core.transcript import Transcript
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

    def _closing(self, claim: Claim, turns: Mapping[str, Turn]) -> Closing:
        return super()._closing(replace(claim, state=replace(claim.state, closed_size=NOTHING)), turns)


class InterimStands(Scoring):
    """What was said for the time being is not told and written again when nothing came after it."""

    async def _entry(self, held: Held, spec: JudgeSpec, transcript: Transcript, reason: CloseReason) -> Entry:
        old = held.claim.state.ledger.get(spec.name)
        return await super()._entry(held, spec, transcript, "max_age" if old and old.interim else reason)


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


class ClosesBySmallestGap(WatchedJudge):
    def _closing(self, claim: Claim, turns: Mapping[str, Turn]) -> Closing:
        rules, self._p = self._p.rules, replace(self._p, rules=())
        try:
            return super()._closing(claim, turns)
        finally:
            self._p = replace(self._p, rules=rules)
