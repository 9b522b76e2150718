"""The stream of verdicts, failures, retractions and closings (topic `assessments`)."""

from dataclasses import dataclass
from typing import Any, Literal

FeedKind = Literal["verdict", "failure", "retracted", "closing"]
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRecord:
    """One record: `key` groups a (tenant, session, judge), `series` decides the partition (tenant, agent), `value` is
    valid under schema/assessments-v1.json."""

    kind: FeedKind
    key: str
    series: str
    value: dict[str, Any]
