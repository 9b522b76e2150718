"""What a benchmark comes to."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """`bound` is the figure that the project promises, None where it promises nothing."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    at_least: bool = False
    """The bound is a floor, not a ceiling."""
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """None without a bound."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def median(rounds: Sequence[float]) -> float:
    return statistics.median(rounds)
