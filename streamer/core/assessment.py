"""A verdict as a row on a trace in MLflow (a Feedback)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from streamer.core.verdict import JudgeFailure, VerdictValue


class RowRef(NamedTuple):
    """Where a row stands. `trace_id` is MLflow's (`tr-…`)."""

    assessment_id: str
    trace_id: str
    judge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is sent to MLflow: exactly one of `value` and `error`. All metadata are strings, since MLflow's PATCH merges
    them and cannot store numbers (facts: mlflow 4.2)."""

    ref: RowRef
    source_id: str
    """The judge's model, as MLflow's own judges say it; a person's name."""
    value: VerdictValue | None
    error: JudgeFailure | None
    rationale: str
    metadata: dict[str, str]
    source_type: Literal["LLM_JUDGE", "CODE", "HUMAN"] = "LLM_JUDGE"
    """MLflow keeps the one that a row was created with."""


class StoredRow(NamedTuple):
    """An assessment as MLflow holds it, whoever wrote it."""

    assessment_id: str
    trace_id: str
    name: str
    source_type: str
    source_id: str
    value: Any
    error_code: str | None
    rationale: str
    metadata: Mapping[str, str]
    valid: bool


class StoredTrace(NamedTuple):
    """A trace as MLflow holds it, with all feedback on it."""

    trace_id: str
    experiment_id: str
    start_ms: int
    rows: Sequence[StoredRow]
