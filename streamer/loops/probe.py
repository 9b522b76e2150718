"""Whether the services answer, asked apart from the work: for `/readyz`, the metrics and one log line per change."""

from collections.abc import Awaitable, Callable, Mapping

from streamer.errors import StateLost, StreamerError
from streamer.ports import Journal, Metrics

EVERY_MS = 2_000


class Probe:
    def __init__(
        self,
        asks: Mapping[str, Callable[[], Awaitable[object]]],
        on_change: Callable[[str, str | None], None],
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        """`on_change(service, reason)` is told every time: None while the service answers, else the error's class."""
        self._asks, self._on_change = asks, on_change
        self._metrics, self._journal = metrics, journal
        self._down: set[str] = set()

    async def step(self) -> int:
        """Ask each service once; returns how many ms to wait before the next round."""
        for service, ask in self._asks.items():
            try:
                await ask()
            except StateLost:
                raise
            except StreamerError as error:
                self._on_change(service, type(error).__name__)
                if service not in self._down:
                    self._journal.say("warning", "service_down", service=service, cause=str(error))
                self._down.add(service)
            else:
                self._on_change(service, None)
                if service in self._down:
                    self._journal.say("info", "service_up", service=service)
                self._down.discard(service)
            self._metrics.gauge("service_up", float(service not in self._down), service=service)
        return EVERY_MS
