"""Redis was lost: sessions are read again from Kafka, and what MLflow's rows know of them is put back beside them.

Rule: nothing is judged, told or written outside Redis. A session whose verdicts stand comes to rest; every other one is
left due with its revisions and history, and the workers do the rest in their usual way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from streamer.core.assemble import assemble
from streamer.core.assessment import StoredTrace
from streamer.core.fullness import look_of, size_of
from streamer.core.ids import mlflow_trace_id
from streamer.core.interpret import interpret
from streamer.core.judges import JudgeSpec
from streamer.core.lifecycle import most_of
from streamer.core.rebuild import Fate, restored
from streamer.core.rules import Rule, attributes_of, rule_of
from streamer.core.session import Restoration, SessionRef, SessionState, Wake
from streamer.core.session_id import SESSION_KEYS
from streamer.core.turn import Turn, in_order
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate
from streamer.core.wire.decode import CAPS
from streamer.errors import PermanentError
from streamer.ports import SessionStore

TRIES_MAX = 3
"""A session that grows while it is looked at is looked at again; while a rebuild runs nothing should make it grow."""


class RebuildStore(SessionStore, Protocol):
    async def restore(self, key: str, what: Restoration) -> bool:
        """Turns, ledger and rows of a session. False if it has grown or is leased. Repeatable: an entry that is there
        stays."""


class StoredTraces(Protocol):
    async def trace(self, trace_id: str) -> StoredTrace | None:
        """A trace (`tr-…`) with all feedback on it."""

    async def traces_of(self, session_id: str, experiment_id: str) -> Sequence[StoredTrace]:
        """The traces of an experiment that MLflow counts among a session. PermanentError where it cannot search it."""


class Rebuild:
    """`horizon_ms` by source: everything of Kafka from then on was read; -1: everything there ever was."""

    def __init__(
        self,
        namespace: str,
        store: RebuildStore,
        traces: StoredTraces,
        specs: Sequence[JudgeSpec],
        rules: Sequence[Rule],
        horizon_ms: Mapping[str, int],
        session_keys: Mapping[str, tuple[str, ...]],
        caps: Caps = CAPS,
        translate: Translate | None = None,
    ) -> None:
        self._namespace, self._store, self._traces = namespace, store, traces
        self._specs, self._rules = specs, rules
        self._horizon_ms, self._session_keys = horizon_ms, session_keys
        self._caps, self._translate = caps, translate

    async def session(self, key: str) -> Fate | None:
        """Restore one session; None if there is none (any more). Repeatable. Raises TransientError."""
        for _ in range(TRIES_MAX):
            found = await self._store.session(key)
            if found is None:
                return None
            if (fate := await self._restore(*found)) is not None:
                return fate
        raise PermanentError(f"session {key} does not stop growing: a worker is at work, stop it")

    async def _restore(self, ref: SessionRef, state: SessionState) -> Fate | None:
        """None: it has changed meanwhile."""
        if state.shared:
            return "shared"
        turns, read = await self._read(ref, state)
        known = await known_in_mlflow(self._traces, ref.session_id, state.members)
        transcript = assemble(ref.session_id, turns)
        horizon_ms = self._horizon_ms.get(ref.scope.source, -1)
        what = restored(self._namespace, transcript, read, known, self._specs, horizon_ms)
        if what.lost - state.members.keys():
            await self._store.wake([Wake(ref, trace_id, 1, state.activity_ms) for trace_id in sorted(what.lost)])
            return None  # again, with them as members
        rule = rule_of(self._rules, ref.scope.tenant, turns.values())
        told = max((entry.turns for entry in what.entries.values()), default=0)
        size = size_of(in_order(turns.values())[:told])  # what it gained since then counts towards its limits
        gained = replace(state, closed_size=size)
        look = look_of(gained, size_of(turns.values()), most_of(rule), closed=False)
        back = Restoration(
            version=state.version,
            pace=rule.pace,
            turns=list(turns.values()),
            entries=what.entries,
            rows=what.rows,
            rests=what.rests,
            size=size,
            look=look,
        )
        done = await self._store.restore(ref.key, back)
        return what.fate if done else None

    async def _read(self, ref: SessionRef, state: SessionState) -> tuple[dict[str, Turn], frozenset[str]]:
        """The turns of the traces that are the session's own, and all traces that name it and of which anything is
        kept."""
        facts = await self._store.facts(ref.scope, sorted(state.members))
        keys = self._session_keys.get(ref.scope.source, SESSION_KEYS)
        turns = {trace_id: turn for trace_id, turn in state.turns.items() if trace_id not in facts}
        asked = attributes_of(self._rules)
        for trace_id, kept in facts.items():
            owner, turn = interpret(trace_id, kept, state.turns.get(trace_id), self._caps, self._translate, keys, asked)
            if turn is not None and owner == ref.session_id:
                turns[trace_id] = turn
        return turns, frozenset(turns) | frozenset(facts)


async def known_in_mlflow(traces: StoredTraces, session_id: str, members: Iterable[str]) -> list[StoredTrace]:
    """What MLflow has of the session: its members, and whatever it finds by the session's id beside them."""
    found: dict[str, StoredTrace] = {}
    searched = set[str]()
    for name in map(mlflow_trace_id, sorted(members)):
        if name in found or (trace := await traces.trace(name)) is None:
            continue
        found[name] = trace
        if trace.experiment_id not in searched:
            searched.add(trace.experiment_id)
            beside = await _beside(traces, session_id, trace.experiment_id)
            found = {**{other.trace_id: other for other in beside}, **found}
    return list(found.values())


async def _beside(traces: StoredTraces, session_id: str, experiment_id: str) -> Sequence[StoredTrace]:
    try:
        return await traces.traces_of(session_id, experiment_id)
    except PermanentError:
        return ()  # it takes no such id in a search; the members are looked at one by one
