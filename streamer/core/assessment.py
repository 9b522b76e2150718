"""A verdict as a row on a trace in MLflow (a Feedback)."""

from dataclasses import dataclass
from typing import NamedTuple

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
    """The judge's model, as MLflow's own judges say it."""
    value: VerdictValue | None
    error: JudgeFailure | None
    rationale: str
    metadata: dict[str, str]
