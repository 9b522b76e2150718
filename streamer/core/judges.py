"""What a configured judge is."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from streamer.core.ids import digest
from streamer.core.model import canonical
from streamer.core.registered import ValueType
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
    "code",
    "registered",
]
CODE = "code:/"
"""What stands for the model of a judge that asks none."""

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
    value_type: ValueType = "str"
    labels: tuple[VerdictValue, ...] = ()
    deadline_ms: int = 60_000
    """One model call may take this long; providers' p99 for 30 k tokens of input is below it."""
    parameters: tuple[tuple[str, VerdictValue], ...] = ()
    path: str | None = None
    """Of `code`: module:function."""
    file: str = ""
    source_hash: str = ""
    """Of the file that it is in."""
    definition: str | None = None
    """Of `registered`: what MLflow keeps of it; None where MLflow was not asked."""
    definition_says: str = ""
    allow: tuple[str, ...] = ()
    """`name:sha256` of code in MLflow that may be run."""
    takes_expectations: bool = False

    @property
    def version(self) -> str:
        """12 hex digits over everything that changes what the judge would say."""
        prompt = (self.type, self.instructions, self.guidelines)
        answer = (self.model, self.value_type, self.labels, self.parameters)
        own = (self.path, self.source_hash, self.definition_says, self.takes_expectations)
        said = (prompt, answer, own) if self.type in ("code", "registered") else (prompt, answer)
        return digest([canonical(said)]).hex()[:12]

    @property
    def reads_expectations(self) -> bool:
        return self.takes_expectations or EXPECTATIONS.search(self.instructions or "") is not None

    @property
    def asks_model(self) -> bool:
        return not self.model.startswith(CODE)

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
        if self.value_type == "any":
            return isinstance(value, bool | int | float | str)
        expected = {"str": str, "bool": bool, "int": int, "float": float}[self.value_type]
        return type(value) is expected


def models_of(specs: Iterable[JudgeSpec]) -> list[str]:
    """Every model that one of them asks."""
    return sorted({spec.model for spec in specs if spec.asks_model})
