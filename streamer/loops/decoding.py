"""The facts of a claimed session become its turns; traces that turn out to be another session's are handed over."""

from collections.abc import Mapping

from streamer.core.interpret import Interpretation, interpret
from streamer.core.session import Claim, Facts, SessionRef
from streamer.core.session_id import SESSION_KEYS
from streamer.core.turn import Turn
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate
from streamer.ports import Clock, Metrics, SessionStore

READ_AT_ONCE = 50
"""Traces decoded before others may run: 10 ms. A session of 2,000 turns takes 0.4 s, and a dozen of them one after the
other would starve the renewal of all leases."""


class Decoding:
    """`session_keys`, by source: attributes that name a session."""

    def __init__(
        self,
        store: SessionStore,
        clock: Clock,
        metrics: Metrics,
        translate: Translate | None,
        caps: Caps,
        session_keys: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._store, self._clock, self._metrics = store, clock, metrics
        self._translate, self._caps, self._session_keys = translate, caps, session_keys

    async def turns(self, claim: Claim, asked: frozenset[str]) -> tuple[dict[str, Turn], bool]:
        """The turns that this session owns, and whether every member trace could be read. `asked`: attributes that
        rules ask for."""
        state, turns, complete = claim.state, dict[str, Turn](), True
        unchanged = {
            t for t, version in state.members.items() if t in state.turns and state.turns[t].version == version
        }
        facts = await self._store.facts(claim.session.scope, sorted(set(state.members) - unchanged))
        for n, trace_id in enumerate(sorted(state.members), start=1):
            if n % READ_AT_ONCE == 0:
                await self._clock.sleep_ms(0)
            turn = state.turns.get(trace_id)
            if trace_id in facts:
                if facts[trace_id].erased:
                    continue
                kept = turn
                owner, turn = self._interpret(claim, trace_id, facts[trace_id], kept, asked)
                if facts[trace_id].swept and facts[trace_id].frames and kept and turn:
                    read = turn.spans_seen > kept.spans_seen
                    self._metrics.count("late_traces", outcome="read" if read else "left")
                if owner != claim.session.session_id:
                    await self._tell(claim, trace_id, owner, facts[trace_id])
                    continue
                if turn is None and facts[trace_id].frames:  # it was framed well and holds no span that can be read
                    self._metrics.count("unreadable_traces")
                    continue
            if turn is None:
                complete = False
            else:
                turns[trace_id] = turn
        return turns, complete

    def _interpret(
        self, claim: Claim, trace_id: str, facts: Facts, kept: Turn | None, asked: frozenset[str]
    ) -> Interpretation:
        keys = self._session_keys.get(claim.session.scope.source, SESSION_KEYS)
        return interpret(trace_id, facts, kept, self._caps, self._translate, keys, asked)

    async def _tell(self, claim: Claim, trace_id: str, owner: str | None, facts: Facts) -> None:
        """A trace belongs to a session that no scan had named: only a claim reads deep enough to see it."""
        if owner is not None and owner not in facts.candidates:
            session = SessionRef(claim.session.scope, owner)
            await self._store.adopt(claim.session.scope, trace_id, session, claim.state.activity_ms)
