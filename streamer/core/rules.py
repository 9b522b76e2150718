"""What a deployment wants of which sessions: `[[rules]]`, the first match wins, the last one is everybody's.

Rule: a condition is met when any turn of the session says it, so a session that grows meets more conditions, never
fewer. What a session is, is known after decoding only; until then Redis goes by the shortest that any rule gives.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from streamer.core.turn import Turn

Rescore = Literal["every_pause", "final_only", "never"]
AlwaysReason = Literal["error", "thumbs_down"]
DEFAULT_RULE = "default"


class Pace(NamedTuple):
    """When a session of a rule closes, in ms; kept in Redis once a claim has found the rule."""

    gap_ms: int
    settle_ms: int
    max_age_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, of which None and () match everything, and what they lead to."""

    name: str = DEFAULT_RULE
    tenant: str | None = None
    service: str | None = None
    agent: str | None = None
    environment: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Attribute and value as text (`as_text`), of the resource or of any span. All must be met."""

    idle_gap_ms: int
    settle_ms: int = 10_000
    max_age_ms: int = 86_400_000
    max_turns: int | None = None
    max_bytes: int | None = None
    judges: tuple[str, ...] | None = None
    """Names, sorted. None: every judge."""
    sampling: float = 1.0
    """Share of the sessions that are judged (sampling.py)."""
    always_judge: tuple[AlwaysReason, ...] = ()
    """Reasons, sorted, for which a session is judged whatever the share."""
    rescore: Rescore = "every_pause"
    reopen_max: int | None = None
    """How often a verdict is renewed at most."""

    @property
    def pace(self) -> Pace:
        return Pace(self.idle_gap_ms, self.settle_ms, self.max_age_ms)

    @property
    def keys(self) -> frozenset[str]:
        """Attributes that it asks for."""
        return frozenset(key for key, _ in self.attributes)

    def matches(self, tenant: str, turns: Iterable[Turn]) -> bool:
        if self.tenant is not None and self.tenant != tenant:
            return False
        said = list(turns)
        wanted = ((self.service, "service"), (self.agent, "agent"), (self.environment, "environment"))
        if not all(want is None or any(getattr(turn, name) == want for turn in said) for want, name in wanted):
            return False
        return all(any(pair in turn.attributes for turn in said) for pair in self.attributes)

    def wants(self, judge: str) -> bool:
        return self.judges is None or judge in self.judges

    def content(self) -> str:
        """All of it, alike on every worker."""
        return json.dumps(asdict(self), sort_keys=True)


def rule_of(rules: Sequence[Rule], tenant: str, turns: Iterable[Turn]) -> Rule:
    """The first that matches; the last of `rules` has no conditions."""
    said = list(turns)
    return next((rule for rule in rules if rule.matches(tenant, said)), rules[-1])


def attributes_of(rules: Iterable[Rule]) -> frozenset[str]:
    """Those that some rule asks for: they are kept with a turn when it is read."""
    return frozenset(key for rule in rules for key in rule.keys)


def as_text(value: object) -> str | None:
    """An attribute's value, or a configured one, as conditions compare them: true is "true", 1 is "1". None for lists
    and whatever else has no plain text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
