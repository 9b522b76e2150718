"""What a comparison found, and how it is told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from streamer.core.alerts.observation import Observation
from streamer.core.shares import Interval

Dimension = Literal["version", "agent", "service", "model", "environment", "tenant", "judge_version", "judge"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
EXPLAINED_AS = ("session_id", "first_trace_id", "group", "value", "rationale")
"""What is told of such a session; the rest finds its rationale."""


class Explained(NamedTuple):
    """A session that shows the difference. Its rationale is looked up when it is known which ones are shown: kept of
    every verdict they would be most of the memory."""

    session_id: str
    first_trace_id: str
    group: str
    value: str
    judge: str
    token: int
    rationale: str = ""


class Difference(NamedTuple):
    """Second minus first, with its 95 % interval."""

    value: str
    difference: float
    interval: Interval

    @property
    def is_clear(self) -> bool:
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(slots=True)
class Side:
    """One judge in one group. `coverage`: of closed sessions, the share that it has judged; None where no closing
    tells."""

    group: str
    judged: int = 0
    failed: int = 0
    effective: float = 0.0
    shares: dict[str, tuple[int, float, Interval]] = field(default_factory=dict)
    mean: float | None = None
    coverage: float | None = None


@dataclass(slots=True)
class JudgeCompared:
    judge: str
    versions: list[str]
    sides: list[Side]
    differences: list[Difference]
    explained_by: list[Explained]


@dataclass(slots=True)
class Compared:
    by: Dimension
    groups: tuple[str, str]
    judges: list[JudgeCompared]
    origins: Counter[str]
    sampled: int
    """Records of sessions that were drawn with a chance below 1."""
    groups_seen: Counter[str]
    """What the feed had of this dimension, to name what can be compared."""


def with_rationales(found: Compared, records: Iterable[Observation]) -> None:
    """Those of the sessions that are shown, out of the same records once more."""
    shown = {(one.first_trace_id, one.judge, one.token) for judge in found.judges for one in judge.explained_by}
    said = {name: seen.rationale for seen in records if (name := _name(seen)) in shown and seen.value is not None}
    for judge in found.judges:
        judge.explained_by = [
            one._replace(rationale=said.get((one.first_trace_id, one.judge, one.token), ""))
            for one in judge.explained_by
        ]


def _name(seen: Observation) -> tuple[str, str, int]:
    return seen.first_trace_id, seen.judge, seen.token


def as_json(found: Compared, noise: Mapping[str, Any]) -> dict[str, Any]:
    """`noise` by judge: what `evaluate --repeat` has measured."""
    return {
        "by": found.by,
        "groups": list(found.groups),
        "judges": [
            {
                "judge": one.judge,
                "judge_versions": one.versions,
                "groups": [
                    {
                        "group": side.group,
                        "judged": side.judged,
                        "failed": side.failed,
                        "effective": side.effective,
                        "coverage": side.coverage,
                        "mean": side.mean,
                        "shares": [
                            {"value": value, "sessions": count, "share": share, "low": low, "high": high}
                            for value, (count, share, (low, high)) in side.shares.items()
                        ],
                    }
                    for side in one.sides
                ],
                "differences": [
                    {
                        "value": one.value,
                        "difference": one.difference,
                        "low": one.interval.low,
                        "high": one.interval.high,
                        "clear": one.is_clear,
                    }
                    for one in one.differences
                ],
                "noise": noise.get(one.judge),
                "explained_by": [{name: getattr(shown, name) for name in EXPLAINED_AS} for shown in one.explained_by],
            }
            for one in found.judges
        ],
        "origins": dict(found.origins),
        "sampled": found.sampled,
    }
