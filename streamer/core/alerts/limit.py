"""The simple alternative: the share of a window is above a limit that somebody has set.

Rule: a window with fewer conversations than the minimum says nothing, neither for a raise nor for a resolve. An episode
ends below 80 % of the limit, so that a share that stays at it does not flap. What the limit is crossed by, chance or
change, it cannot know: docs/alerting.md has what that costs.
"""

from dataclasses import dataclass, field
from typing import Any

from streamer.core.alerts.interval import wilson
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

PARTS = 60
"""A window moves by this part of itself."""
RESOLVE = 0.8


@dataclass(slots=True)
class LimitWatch:
    parts: dict[int, list[int]] = field(default_factory=dict)
    """Part of a window since the Unix epoch → conversations, hits."""
    total: list[int] = field(default_factory=lambda: [0, 0])
    newest: int = -1
    raised_since_ms: int | None = None

    def step(self, rule: AlertRule, series: SeriesKey, at_ms: int, hit: bool) -> Proposal | None:
        """One conversation. One that is older than the window counts for nothing."""
        assert rule.limit_share is not None, "a rule of kind limit has one"
        size_ms = max(1, rule.window_ms // PARTS)
        part = at_ms // size_ms
        if part > self.newest:
            self._move_to(part)
        if part <= self.newest - PARTS:
            return None
        cell = self.parts.setdefault(part, [0, 0])
        for pair in (cell, self.total):
            pair[0] += 1
            pair[1] += hit
        n, hits = self.total
        if n < rule.conversations_min:
            return None
        share = hits / n
        if self.raised_since_ms is None and share >= rule.limit_share:
            self.raised_since_ms = min(self.parts) * size_ms
            return self._proposal("raise", rule, series, at_ms, self.raised_since_ms)
        if self.raised_since_ms is not None and share < rule.limit_share * RESOLVE:
            since_ms, self.raised_since_ms = self.raised_since_ms, None
            return self._proposal("resolve", rule, series, at_ms, since_ms)
        return None

    def give_up(self) -> None:
        """The open episode was ended by others: what comes is news again."""
        self.raised_since_ms = None

    def to_json(self) -> list[Any]:
        return [[[part, *cell] for part, cell in self.parts.items()], self.newest, self.raised_since_ms]

    @classmethod
    def from_json(cls, value: list[Any]) -> "LimitWatch":
        parts = {part: [n, hits] for part, n, hits in value[0]}
        total = [sum(cell[0] for cell in parts.values()), sum(cell[1] for cell in parts.values())]
        return cls(parts, total, value[1], value[2])

    def _move_to(self, part: int) -> None:
        self.newest = part
        for old in [one for one in self.parts if one <= part - PARTS]:
            n, hits = self.parts.pop(old)
            self.total = [self.total[0] - n, self.total[1] - hits]

    def _proposal(self, kind: str, rule: AlertRule, series: SeriesKey, at_ms: int, since_ms: int) -> Proposal:
        n, hits = self.total
        return Proposal(
            kind="raise" if kind == "raise" else "resolve",
            rule=rule.name,
            series=str(series.parent),
            at_ms=at_ms,
            since_ms=since_ms,
            conversations=n,
            hits=hits,
            share=hits / n,
            baseline=rule.limit_share or 0.0,
            interval=wilson(hits, n),
        )
