"""Verdicts onto the session's first trace: one row per judge, whatever happened before.

Rule: what will be written is said in Redis first (begin_write), and no other row of that judge is left standing. MLflow
has no conditional write, so a stale writer cannot be stopped, only found: its intent makes the session due again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from streamer.core.assessment import Row, RowRef
from streamer.core.ids import assessment_id, mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry, Unwritten, versions_of
from streamer.core.lifecycle import Limits
from streamer.core.row import row_of
from streamer.core.scoring import retracted
from streamer.core.session import Begun
from streamer.core.transcript import Transcript
from streamer.errors import OwnershipLost, PermanentError, TransientError
from streamer.loops.held import Held, HeldClaims
from streamer.ports import AssessmentStore, Journal, Metrics, SessionStore

SESSION_CHARS_MAX = 250
"""Of a value of trace metadata, where MLflow keeps a trace's session: it refuses a batch with a longer id (measured on
3.17: 400), so that no trace of such a session can be found by it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows came to stand."""

    entries: Mapping[str, Entry]
    placed: frozenset[str] = frozenset()
    first_missing: bool = False
    looking: bool = False
    retracted: bool = False


class Writing:
    def __init__(
        self,
        namespace: str,
        rows: AssessmentStore,
        store: SessionStore,
        held: HeldClaims,
        limits: Limits,
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self._namespace, self._rows, self._store, self._held = namespace, rows, store, held
        self._limits, self._metrics, self._journal = limits, metrics, journal

    async def write(
        self, held: Held, specs: Sequence[JudgeSpec], entries: Mapping[str, Entry], transcript: Transcript
    ) -> Placement:
        """On the first trace that MLflow has; on a later one only after the first was awaited for `trace_wait_ms`."""
        writing = [spec for spec in specs if entries[spec.name].stands and entries[spec.name].transcript_hash]
        if not writing:
            return Placement(entries)
        if len(transcript.session_id) > SESSION_CHARS_MAX:
            everything = {spec.name for spec in writing}
            return Placement(self._delivered(entries, writing, everything, "session_id_too_long"))
        placed: set[str] = set()
        stood = {s.name for s in writing if entries[s.name].mlflow and not entries[s.name].unwritten}
        for n, trace_id in enumerate(transcript.traces):
            rows = [self._row(held, spec, entries[spec.name], trace_id, transcript) for spec in writing]
            begun = await self._begin(held, [row.ref for row in rows])
            if await self._place_all(held, rows, begun, placed, stood):
                return Placement(self._delivered(entries, writing, placed), frozenset(placed), looking=n > 0)
            if not self._first_was_awaited(held):
                self._metrics.count("first_trace_waits")
                return Placement(self._delivered(entries, writing, placed), frozenset(placed), first_missing=True)
        return await self._on_no_trace(held, writing, entries)

    async def retract(self, held: Held, specs: Sequence[JudgeSpec]) -> tuple[dict[str, Entry], bool]:
        """Delete every row that may stand; whether all are known to be gone."""
        begun = await self._begin(held, [])
        cleared = await self._delete(held, begun.rows)
        known, generation = held.claim.state.ledger, held.claim.generation
        judges = versions_of(known, specs)
        return {name: retracted(known.get(name), generation, version) for name, version in judges.items()}, cleared

    async def wipe(self, held: Held, placed: frozenset[str] = frozenset()) -> bool:
        """Of a session that was erased and has come back: rows of before go, also those of judges that were taken away.
        What stands on a trace of which a turn was kept was said since, and stays where its judge has no newer row
        (`placed`: judges); a member alone is no proof, since a late wake names erased traces again. Whether all are
        known to be gone."""
        if not held.claim.state.wipe:
            return True
        begun = await self._begin(held, list(held.rows))
        since = {mlflow_trace_id(trace_id) for trace_id, turn in held.claim.state.turns.items() if turn.version}
        held.rows |= {row for row in begun.rows if row.trace_id in since and row.judge not in placed}
        return await self._delete(held, begun.rows - held.rows)

    def _row(self, held: Held, spec: JudgeSpec, entry: Entry, trace_id: str, transcript: Transcript) -> Row:
        row_id = assessment_id(self._namespace, trace_id, transcript.session_id, spec.name)
        return row_of(RowRef(row_id, mlflow_trace_id(trace_id), spec.name), held.claim, spec, entry, transcript)

    async def _begin(self, held: Held, rows: Sequence[RowRef]) -> Begun:
        if held.lost:
            raise OwnershipLost(held.claim.session.key)
        begun = await self._store.begin_write(held.claim, rows)
        held.begun, held.rows, held.crowded = True, frozenset(rows), held.crowded or begun.crowded
        return begun

    async def _place_all(
        self, held: Held, rows: Sequence[Row], begun: Begun, placed: set[str], stood: set[str]
    ) -> bool:
        """False: MLflow does not have this trace. A row that is refused does not hold back the others; one that was
        delivered before (`stood`: judges) is not written again because another judge is still waiting."""
        for row in rows:
            others = {ref for ref in begun.rows if ref.judge == row.ref.judge} - {row.ref}
            if row.ref.judge in stood and not others and held.undisturbed:
                placed.add(row.ref.judge)
                continue
            if row.error is not None and others:
                continue  # a verdict may stand there: the error stays in the ledger
            try:
                if not await self._place(held, row):
                    return False
                if row.error is None and await self._delete(held, others):
                    placed.add(row.ref.judge)
            except TransientError as error:
                held.note(error)
                self._journal.say("warning", "row_not_written", session=held.claim.session.key, cause=str(error))
            except PermanentError as error:
                held.note(error)
                self._metrics.count("rows", action="refused")
                self._journal.say("error", "row_refused", session=held.claim.session.key, cause=str(error))
        return True

    async def _place(self, held: Held, row: Row) -> bool:
        """POST what no revision stood for yet, PATCH what one did; each turns to the other where MLflow says that it
        was wrong. An error is only POSTed: a verdict may stand there."""
        old = held.claim.state.ledger.get(row.ref.judge)
        if row.error is None and old is not None and old.revision > 0 and await self._patch(held, row):
            return True
        await self._held.allowed(held)
        answer = await self._rows.post(row)
        if answer == "no_trace":
            return False
        self._metrics.count("rows", action=answer)
        if answer == "exists" and row.error is None:
            await self._patch(held, row)
        return True

    async def _patch(self, held: Held, row: Row) -> bool:
        await self._held.allowed(held)
        found = await self._rows.patch(row)
        if found:
            self._metrics.count("rows", action="patched")
        return found

    async def _delete(self, held: Held, refs: frozenset[RowRef] | set[RowRef]) -> bool:
        """Whether all are known to be gone."""
        for ref in sorted(refs):
            await self._held.allowed(held)
            try:
                await self._rows.delete(ref)
            except (TransientError, PermanentError) as error:
                held.note(error)
                self._journal.say("warning", "row_not_deleted", session=held.claim.session.key, cause=str(error))
                return False
            self._metrics.count("rows", action="deleted")
        return True

    async def _on_no_trace(self, held: Held, writing: Sequence[JudgeSpec], entries: Mapping[str, Entry]) -> Placement:
        """MLflow has none of the session's traces: no row may stand on a trace that left it; look again later."""
        self._metrics.count("no_trace")
        begun = await self._begin(held, list(held.rows))
        cleared = await self._delete(held, begun.rows - held.rows)
        judged = {spec.name for spec in writing if cleared and entries[spec.name].verdict}
        told = self._delivered(entries, writing, judged, unwritten="no_trace")
        return Placement(told, frozenset(judged), first_missing=True, looking=True)

    def _delivered(
        self, entries: Mapping[str, Entry], writing: Sequence[JudgeSpec], placed: set[str], unwritten: Unwritten = ""
    ) -> dict[str, Entry]:
        written = {spec.name for spec in writing if entries[spec.name].verdict}
        return {
            name: replace(entry, mlflow=name in placed, unwritten=unwritten) if name in written else entry
            for name, entry in entries.items()
        }

    def _first_was_awaited(self, held: Held) -> bool:
        since_ms = held.claim.state.missing_since_ms
        return since_ms is not None and held.claim.claimed_at_ms - since_ms >= self._limits.trace_wait_ms
