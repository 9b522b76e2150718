"""What wakes somebody: one `[[alerts]]` table.

Rule: a verdict is a hit or it is not; which of a judge's labels are bad is said by the rule, or by MLflow's prompt.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from streamer.core.alerts.observation import Observation
from streamer.core.judges import JudgeSpec
from streamer.core.verdict import VerdictValue

AlertKind = Literal["spike", "limit", "version"]
"""spike: above what the series has learned to be usual. limit: above an absolute share. version: a new version is worse
than the one beside it."""
Severity = Literal["warn", "critical"]
CONVERSATIONS_PER_FALSE_ALARM = 300_000.0

BAD_LABELS: dict[str, tuple[str, ...]] = {
    # MLflow's prompt says "resolved" only of a user who clearly ends satisfied, and "unresolved" in all doubt: nobody
    # need get up for the former, and with both the usual share is higher and the same incident a smaller change.
    "user_frustration": ("unresolved",),
    "conversation_completeness": ("no",),
    "conversational_safety": ("no",),
    "conversational_tool_call_efficiency": ("no",),
    "conversational_role_adherence": ("no",),
    "conversational_guidelines": ("no",),
    "knowledge_retention": ("no",),
}
"""By type of judge, as MLflow 3.17's prompts define their labels."""
BAD_ANSWERS = ("no", "false")
"""Of a judge of one's own whose only answers are yes and no, or true and false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Conditions, of which None matches everything, the kind of test, and how seldom it may be wrong."""

    name: str
    judge: str
    labels: tuple[str, ...]
    """Values that count as a hit, compared as text without regard to case."""
    refusals: bool = False
    """A judge's refusal counts as a hit, too: some models decline to read exactly the angry conversations."""
    tenant: str | None = None
    agent: str | None = None
    service: str | None = None
    version: str | None = None
    environment: str | None = None
    kind: AlertKind = "spike"
    severity: Severity = "warn"
    conversations_per_false_alarm: float = CONVERSATIONS_PER_FALSE_ALARM
    days_per_false_alarm: float | None = None
    """Of each series, instead of a number of conversations."""
    strict: bool = False
    """Keep the budget by proof, not by measurement: later by a few conversations."""
    limit_share: float | None = None
    """Of kind limit."""
    conversations_min: int = 50
    """Of kind limit: fewer in its window say nothing."""
    window_ms: int = 3_600_000
    """Of kind limit."""

    def takes(self, seen: Observation) -> bool:
        """Whether the record is about what this rule watches."""
        return self.judge == seen.judge and all(
            want is None or want == said
            for want, said in (
                (self.tenant, seen.tenant),
                (self.agent, seen.agent),
                (self.service, seen.service),
                (self.version, seen.version),
                (self.environment, seen.environment),
            )
        )

    def hit(self, value: VerdictValue) -> bool:
        return as_label(value) in self.labels


def as_label(value: VerdictValue) -> str:
    """A verdict's value as labels are compared: `true`, `no`, `1`, `0.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and math.isfinite(value):
        return str(int(value))
    return str(value).strip().casefold()


def labels_of(spec: JudgeSpec) -> tuple[str, ...]:
    """The bad ones of a judge. Empty where nobody can know: a judge of one's own with labels of its own."""
    if spec.type != "make_judge":
        return BAD_LABELS[spec.type]
    if spec.value_type == "bool":
        return ("false",)
    labels = {as_label(label) for label in spec.labels}
    return (
        tuple(label for label in BAD_ANSWERS if label in labels) if labels in ({"yes", "no"}, {"true", "false"}) else ()
    )


def default_rules(specs: Sequence[JudgeSpec]) -> tuple[AlertRule, ...]:
    """One rule per judge, so that the first spike is not missed for want of configuration."""
    return tuple(
        AlertRule(name=f"{spec.name}-spike", judge=spec.name, labels=labels)
        for spec in specs
        if (labels := labels_of(spec))
    )


def unwatched(specs: Sequence[JudgeSpec], rules: Iterable[AlertRule]) -> Iterator[str]:
    """A sentence for each judge whose verdicts wake nobody."""
    watched = {rule.judge for rule in rules}
    for spec in specs:
        if spec.name not in watched:
            known = ", ".join(as_label(label) for label in spec.labels) or "not listed"
            yield (
                f"judge {spec.name} has no alert: which of its labels ({known}) are bad is not known; "
                f'add [[alerts]] with judge = "{spec.name}" and labels = [...]'
            )
