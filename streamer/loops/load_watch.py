"""Says how much waits for a judge worker, and what has waited for too long, as metrics.

Rule: it is Redis' load, not this worker's: every worker says the same, and whoever reads it takes the greatest.
"""

from collections.abc import Awaitable, Callable
from typing import get_args

from streamer.core.status import Load, Owed
from streamer.errors import TransientError
from streamer.ports import Metrics

EVERY_MS = 15_000


class LoadWatch:
    def __init__(self, ask: Callable[[], Awaitable[Load]], metrics: Metrics) -> None:
        self._ask, self._metrics = ask, metrics

    async def step(self) -> int:
        try:
            load = await self._ask()
        except TransientError:  # the probe of the services says it
            return EVERY_MS
        self._metrics.gauge("sessions_due", load.due)
        self._metrics.gauge("due_for_seconds_max", load.due_for_ms_max / 1000)
        self._metrics.gauge("sessions_in_flight", load.in_flight)
        self._metrics.gauge("open_intents", load.open_intents)
        for owed in get_args(Owed):
            self._metrics.gauge("entries_stuck", load.stuck.get(owed, 0), owed=owed)
        return EVERY_MS
