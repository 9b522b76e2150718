"""What is to be simulated, and what has come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamer.core.gate import Scored
from streamer.core.judges import JudgeSpec
from streamer.core.simulation import GOAL_ACHIEVED, Case, Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`user_model` None: the scripted user. `through_kafka`: the live path judges, and is waited for `wait_ms`."""

    cases: Sequence[Case]
    agent: Callable[..., Any]
    specs: Sequence[JudgeSpec]
    user_model: str | None = None
    max_turns: int = 10
    at_once: int = 4
    experiment: str = "Default"
    through_kafka: bool = False
    wait_ms: int = 300_000


@dataclass(slots=True)
class Report:
    """Grows as it goes."""

    conversations: list[Held] = field(default_factory=list)
    scored: dict[str, list[Scored]] = field(default_factory=dict)
    """What judges said, by session."""
    first_traces: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0

    def results(self) -> list[Scored]:
        """Of every conversation: was its goal achieved, and what did the judges say."""
        told = []
        for one in self.conversations:
            broken = one.detail if one.ending == "user_failed" else None
            achieved = None if broken is not None else one.goal_achieved
            why = one.ending + (f": {one.detail}" if one.detail else "")
            told.append(Scored(GOAL_ACHIEVED, one.case.name, achieved, why, broken))
            told += self.scored.get(one.session_id, [])
        return told

    def add(self, session_id: str, scored: Scored) -> None:
        self.scored.setdefault(session_id, []).append(scored)

    def paid(self, calls: int, tokens: int, cost_usd: float | None) -> None:
        self.calls, self.tokens = self.calls + calls, self.tokens + tokens
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd
