"""Metrics and a journal that say nothing."""

from typing import Literal


class SilentMetrics:
    def count(self, name: str, by: float = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...


class SilentJournal:
    def say(self, level: Literal["debug", "info", "warning", "error"], event: str, **fields: object) -> None: ...
