"""A verdict and a judge failure are two types, to the end: a judge that broke is not a low score."""

from dataclasses import dataclass
from typing import Literal

VerdictValue = bool | int | float | str
FailureKind = Literal[
    "timeout",  # the model did not answer before the deadline
    "rate_limited",  # 429; Retry-After is honoured
    "unavailable",  # 5xx, connection refused or broken
    "refused",  # the model declined to answer
    "bad_answer",  # not JSON, or outside the judge's labels or type
    "context_too_long",  # the transcript does not fit the model
    "authentication",  # 401, 403
    "bad_request",  # any other 4xx
    "internal",  # the judge itself raised
    "facts_expired",  # a member trace has neither facts nor a kept turn
    "shared_session_id",  # more traces carry the id than `session_traces_max`: it is everybody's
    "not_scorable",  # nothing was said, or everything was redacted
    "expectations_missing",  # the judge reads {{ expectations }} and the session has none
]
TRANSIENT: frozenset[FailureKind] = frozenset(
    {"timeout", "rate_limited", "unavailable", "bad_answer", "authentication"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What answers cost. `cost_usd` is None where the model's price is unknown."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0

    def plus(self, other: "Usage") -> "Usage":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judge's usable answer about a whole session."""

    value: VerdictValue
    rationale: str
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFailure:
    """A judge gave no usable answer. `detail` never holds text of the conversation or a secret."""

    kind: FailureKind
    detail: str
    retry_after_ms: int | None = None
    usage: Usage = Usage()

    @property
    def transient(self) -> bool:
        return self.kind in TRANSIENT
