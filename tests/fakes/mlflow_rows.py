"""MLflow's assessments in a dict, with its manners: ids are global, PATCH merges metadata, the trace may be absent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from streamer.core.assessment import Row, RowRef, StoredRow, StoredTrace
from streamer.core.ids import mlflow_trace_id


class MlflowRows:
    """ports.AssessmentStore for tests. `traces` are the MLflow ids that it has."""

    def __init__(self, traces: Sequence[str] = ()) -> None:
        self.traces = set(traces)
        self.stored: dict[str, StoredRow] = {}
        self.written = 0
        self.sessions: dict[str, set[str]] = {}
        """By the session that MLflow takes them for: traces."""
        self.started_ms: dict[str, int] = {}
        self.expected: dict[str, dict[str, tuple[str, Any]]] = {}
        """By trace: expectation name to (session id, value)."""

    async def patch(self, row: Row) -> bool:
        old = self._at(row.ref)
        if old is None:
            return False
        self.stored[row.ref.assessment_id] = _stored(row, {**old.metadata, **row.metadata})._replace(
            source_type=old.source_type, source_id=old.source_id
        )
        self.written += 1
        return True

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        if row.ref.trace_id not in self.traces:
            return "no_trace"
        if row.ref.assessment_id in self.stored:
            return "exists"
        self.stored[row.ref.assessment_id] = _stored(row, row.metadata)
        self.written += 1
        return "created"

    async def delete(self, row: RowRef) -> None:
        if self._at(row) is not None:
            del self.stored[row.assessment_id]

    async def expectations(self, first_trace: str, session_id: str) -> Mapping[str, Any] | None:
        if not await self.trace_exists(mlflow_trace_id(first_trace)):
            return None
        named = self.expected.get(mlflow_trace_id(first_trace), {})
        return {name: value for name, (session, value) in named.items() if session == session_id}

    async def trace_exists(self, trace_id: str) -> bool:
        return trace_id in self.traces

    async def trace(self, trace_id: str) -> StoredTrace | None:
        if trace_id not in self.traces:
            return None
        return StoredTrace(trace_id, "0", self.started_ms.get(trace_id, 0), list(await self.rows(trace_id)))

    async def traces_of(self, session_id: str, experiment_id: str) -> Sequence[StoredTrace]:
        found = [await self.trace(trace_id) for trace_id in sorted(self.sessions.get(session_id, ()))]
        return [trace for trace in found if trace is not None]

    async def judged(self, experiment_id: str) -> AsyncIterator[StoredTrace]:
        for trace_id in sorted(self.traces):
            trace = await self.trace(trace_id)
            if trace is not None and any(row.source_type == "LLM_JUDGE" for row in trace.rows):
                yield trace

    async def rows(self, trace_id: str) -> Sequence[StoredRow]:
        return [row for row in self.stored.values() if row.trace_id == trace_id]

    def expect(self, first_trace: str, session_id: str, name: str, value: object) -> None:
        """A person says what the session should lead to."""
        self.expected.setdefault(mlflow_trace_id(first_trace), {})[name] = (session_id, value)

    def say(self, trace_id: str, name: str, value: str) -> None:
        """A person's feedback on a trace."""
        row_id = f"a-person-{len(self.stored)}"
        self.stored[row_id] = StoredRow(row_id, trace_id, name, "HUMAN", "ada", value, None, "", {}, True)

    def _at(self, ref: RowRef) -> StoredRow | None:
        row = self.stored.get(ref.assessment_id)
        return row if row is not None and row.trace_id == ref.trace_id else None


def _stored(row: Row, metadata: Mapping[str, str]) -> StoredRow:
    return StoredRow(
        assessment_id=row.ref.assessment_id,
        trace_id=row.ref.trace_id,
        name=row.ref.judge,
        source_type=row.source_type,
        source_id=row.source_id,
        value=row.value,
        error_code=row.error.kind if row.error else None,
        rationale=row.rationale,
        metadata=dict(metadata),
        valid=True,
    )
