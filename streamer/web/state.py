"""What the process knows of its own health: which loops move, which services answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from streamer.ports import Clock

Service = Literal["kafka", "redis", "mlflow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    since_ms: int
    reason: str
    """Class of the last error, never its text."""


class Health:
    """Loops and app tell; `/livez` and `/readyz` ask. A service counts as down until it has answered once."""

    def __init__(self, clock: Clock, loops: Iterable[str], services: Iterable[Service]) -> None:
        self._clock = clock
        now_ms = clock.now_ms()
        self._beats = dict.fromkeys(loops, now_ms)
        self._outages: dict[Service, Outage] = {s: Outage(since_ms=now_ms, reason="not reached yet") for s in services}

    def beat(self, loop: str) -> None:
        """A pass of the loop has ended, well or in an error that it will get over."""
        self._beats[loop] = self._clock.now_ms()

    def down(self, service: Service, reason: str) -> None:
        """The call failed; `since` stays that of the first failure."""
        old = self._outages.get(service)
        self._outages[service] = Outage(since_ms=old.since_ms if old else self._clock.now_ms(), reason=reason)

    def up(self, service: Service) -> None:
        self._outages.pop(service, None)

    @property
    def outages(self) -> dict[Service, Outage]:
        return dict(self._outages)

    def stuck(self, age_ms_max: int) -> dict[str, int]:
        """Loops that have not ended a pass for longer, with the age of their last beat in ms."""
        now_ms = self._clock.now_ms()
        return {loop: now_ms - at_ms for loop, at_ms in self._beats.items() if now_ms - at_ms > age_ms_max}
