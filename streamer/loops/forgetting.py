"""Erasure: what was said in a session goes from Redis, and the session is due, so that its rows go from MLflow.

Rule: nothing is deleted from MLflow here. A session that is left without traces is claimed like any other, and that
claim deletes its rows under the fence and tells the feed (writing.retract); whoever worked on it meanwhile has a
smaller token, and what he may still write makes the session due again.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from streamer.core.erasure import bare, emptied
from streamer.core.ids import Scope
from streamer.core.interpret import interpret
from streamer.core.ledger import Entry
from streamer.core.session import Facts, SessionRef, SessionState
from streamer.core.session_id import SESSION_KEYS
from streamer.core.tombstone import Tombstone, tombstones
from streamer.core.turn import Turn
from streamer.errors import TransientError

TRIES_MAX = 50
"""A session that grows between two looks is looked at again; none grows so often."""


class ErasableStore(Protocol):
    """What erasing needs of a SessionStore."""

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None: ...

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]: ...

    async def erase_trace(self, scope: Scope, trace_id: str, owner: str, version: int) -> bool:
        """Drop raw spans and take no more of them; False if the trace has grown since. Repeatable."""

    async def erase(
        self, session: SessionRef, version: int, entries: Mapping[str, Entry], turn: Turn | None
    ) -> Literal["erased", "grown", "unknown"]:
        """Drop members, turns, answers and ledger; keep these. Repeatable."""


class Contents(NamedTuple):
    """What of a session is its own: turns that were kept, or can be read from what is kept of its traces."""

    session: SessionRef
    version: int
    turns: Mapping[str, Turn]
    traces: Mapping[str, int]
    """Those with raw spans, or that may still get some: by id, the version that was read."""
    ledger: Mapping[str, Entry]

    @property
    def said(self) -> int:
        """Turns in which something was said: of a session that was erased a bare one is left."""
        return sum(bool(turn.version) for turn in self.turns.values())

    @property
    def users(self) -> frozenset[str]:
        return frozenset(turn.user_id for turn in self.turns.values() if turn.user_id)

    @property
    def tombstones(self) -> list[Tombstone]:
        return tombstones(self.session, self.ledger, self.turns.values())


async def contents(store: ErasableStore, key: str, keys: Mapping[str, tuple[str, ...]]) -> Contents | None:
    """By a session's key; None if there is no such session. `keys`: by source, attributes that name a session."""
    found = await store.session(key)
    if found is None:
        return None
    ref, state = found
    facts = await store.facts(ref.scope, sorted(state.members))
    naming = keys.get(ref.scope.source, SESSION_KEYS)
    read = {t: interpret(t, kept, state.turns.get(t), keys=naming) for t, kept in facts.items() if not kept.erased}
    mine = {t for t, seen in read.items() if seen.owner in (ref.session_id, None)}
    turns = {t: turn for t, turn in state.turns.items() if t in mine or t not in read}
    turns |= {t: turn for t in mine if (turn := read[t].turn) is not None}
    return Contents(ref, state.version, turns, {t: facts[t].version for t in sorted(mine)}, state.ledger)


async def erase(store: ErasableStore, key: str, keys: Mapping[str, tuple[str, ...]]) -> Contents | None:
    """What was erased. Traces first: what is interrupted between the two is found by the next call, and what comes in
    between makes both begin again. Raises TransientError."""
    for _ in range(TRIES_MAX):
        held = await contents(store, key, keys)
        if held is None:
            return None
        scope, session_id = held.session
        gone = [await store.erase_trace(scope, t, session_id, version) for t, version in held.traces.items()]
        if all(gone):
            said = await store.erase(held.session, held.version, emptied(held.ledger), bare(held.turns.values()))
            if said != "grown":
                return held if said == "erased" else None
    raise TransientError("the session grows faster than it can be erased: end it first, then try again")
