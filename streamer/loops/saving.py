"""Both phases of a save, and the ends that records tell of.

Rule: phase 1 goes to the traces' buckets, phase 2 to those of the sessions: always, also for duplicates, and to every
candidate ever named. That order is what survives a crash between them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from streamer.core.ids import Scope
from streamer.core.session import SessionRef, Wake
from streamer.core.wire.records import Cut, Fragment
from streamer.ports import Metrics, SessionStore


class Batch:
    """What was cut out of some records of a source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.fragments: list[Fragment] = []
        self.activity_ms: dict[tuple[str, str], int] = {}
        """By tenant and trace: the latest of its records."""
        self.ends_ms: dict[SessionRef, int] = {}

    def add(self, cut: Cut, record_ms: int) -> None:
        """`record_ms`: the record's time, as clamped."""
        for fragment in cut.fragments:
            name = (fragment.tenant, fragment.trace_id)
            self.activity_ms[name] = max(self.activity_ms.get(name, -1), record_ms)
        for control in cut.controls:
            session = SessionRef(Scope(self._source, control.tenant), control.ended)
            ended_ms = record_ms if control.at_ms is None else min(control.at_ms, record_ms)
            self.ends_ms[session] = max(self.ends_ms.get(session, -1), ended_ms)
        self.fragments += cut.fragments


class Saving:
    """Of one source."""

    def __init__(self, source: str, store: SessionStore, metrics: Metrics) -> None:
        self._source, self._store, self._metrics = source, store, metrics

    async def save(self, batch: Batch) -> None:
        """Returns when Redis has answered for everything. Repeatable."""
        if batch.fragments:
            await self._save(batch.fragments, batch.activity_ms)
        for session, at_ms in batch.ends_ms.items():
            await self._store.end_session(session, at_ms)
            self._metrics.count("session_ends", source=self._source)

    async def _save(self, fragments: Sequence[Fragment], activity_ms: Mapping[tuple[str, str], int]) -> None:
        saved = await self._store.save_fragments(self._source, fragments)
        span_bytes: defaultdict[tuple[str, str], int] = defaultdict(int)
        for fragment in fragments:
            span_bytes[fragment.tenant, fragment.trace_id] += fragment.span_bytes
        wakes = [
            Wake(
                SessionRef(Scope(self._source, tenant), session_id),
                trace_id,
                trace.version,
                activity_ms[tenant, trace_id],
                trace.ends_session,
                span_bytes[tenant, trace_id],
            )
            for (tenant, trace_id), trace in saved.items()
            for session_id in trace.candidates
        ]
        if erased := sum(not trace.version for trace in saved.values()):
            self._metrics.count("traces_erased", erased, source=self._source)
        refused = await self._store.wake(wakes)
        for (tenant, trace_id), trace in saved.items() if refused else ():
            scope = Scope(self._source, tenant)
            if trace.candidates and all((SessionRef(scope, name), trace_id) in refused for name in trace.candidates):
                await self._store.park(scope, trace_id)
                self._metrics.count("traces_refused", source=self._source)
        self._metrics.count("fragments", len(fragments), source=self._source)
