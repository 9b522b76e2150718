"""Metrics and a journal for tests: silent, or remembering what they were told."""

from collections import Counter
from typing import Literal


class SilentMetrics:
    def count(self, name: str, by: float = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


class SilentJournal:
    def say(self, level: Literal["debug", "info", "warning", "error"], event: str, **fields: object) -> None: ...


class CountingMetrics(SilentMetrics):
    """Sums by name and label values."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        self.counts[(name, *labels.values())] += int(by)


class RememberingJournal(SilentJournal):
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def say(self, level: Literal["debug", "info", "warning", "error"], event: str, **fields: object) -> None:
        self.events.append((event, fields))
