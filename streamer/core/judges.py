"""What a configured judge is."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from streamer.core.ids import digest
from streamer.core.model import canonical
from streamer.core.verdict import VerdictValue

JudgeType = Literal[
    "user_frustration",
    "conversation_completeness",
    "conversational_safety",
    "conversational_tool_call_efficiency",
    "conversational_role_adherence",
    "conversational_guidelines",
    "knowledge_retention",
    "make_judge",
]

EXPECTATIONS = re.compile(r"\{\{\s*expectations\s*\}\}")
"""As MLflow's make_judge reads its template."""
KNOWN_VALUES = frozenset({"yes", "no", "none", "resolved", "unresolved"})
"""What MLflow's own judges answer."""
INT_MAX = 2**53
"""JSON's numbers are exact up to here; MLflow answers 500 to much larger ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSpec:
    """One `[[judges]]` table. `labels` are the only values a verdict may have; empty where `value_type` decides."""

    type: JudgeType
    name: str
    model: str
    instructions: str | None = None
    guidelines: tuple[str, ...] = ()
    value_type: Literal["str", "bool", "int", "float"] = "str"
    labels: tuple[VerdictValue, ...] = ()
    deadline_ms: int = 60_000
    """One model call may take this long; providers' p99 for 30 k tokens of input is below it."""
    parameters: tuple[tuple[str, VerdictValue], ...] = ()

    @property
    def version(self) -> str:
        """12 hex digits over everything that changes what the judge would say."""
        prompt = (self.type, self.instructions, self.guidelines)
        answer = (self.model, self.value_type, self.labels, self.parameters)
        return digest([canonical((prompt, answer))]).hex()[:12]

    @property
    def reads_expectations(self) -> bool:
        return EXPECTATIONS.search(self.instructions or "") is not None

    def series_of(self, value: VerdictValue) -> str:
        """A verdict as a metric's label: one of few; free text and numbers are `other`."""
        few = isinstance(value, bool) or value in self.labels or (not self.labels and value in KNOWN_VALUES)
        return str(value) if few else "other"

    def accepts(self, value: object) -> bool:
        """Is this value one that the judge may give? Anything else is a failure, never a verdict."""
        if isinstance(value, float) and not math.isfinite(value):
            return False  # JSON has no word for it
        if type(value) is int and abs(value) > INT_MAX:
            return False
        if self.labels:
            return any(type(label) is type(value) and label == value for label in self.labels)
        expected = {"str": str, "bool": bool, "int": int, "float": float}[self.value_type]
        return type(value) is expected
