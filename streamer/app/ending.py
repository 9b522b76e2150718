"""How a process ends: within a stated time, whatever hangs.

Rule: nothing is lost by leaving early. Records whose offsets are not committed are read again, a claim that did not
come back is made again when its lease of 15 s has run out, and publishes again what Kafka has not acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable

from streamer.errors import StreamerError
from streamer.ports import Clock, Journal

CLOSE_MS = 2_000
"""Of the whole time, kept for closing connections. A consumer that leaves its group in order spares the others 10 s."""


class Ending:
    def __init__(self, clock: Clock, journal: Journal, within_ms: int) -> None:
        self._clock, self._journal, self._within_ms = clock, journal, within_ms
        self._until_ms: int | None = None
        self._closers: dict[str, Callable[[], Awaitable[None]]] = {}
        self.hangs: list[str] = []
        """What did not close in time: its threads still wait for an answer that may never come."""

    def add(self, what: str, close: Callable[[], Awaitable[None]]) -> None:
        self._closers[what] = close

    def begin(self) -> None:
        """The time runs from now. Twice is once."""
        if self._until_ms is None:
            self._until_ms = self._clock.now_ms() + self._within_ms

    def work_ms(self) -> int:
        """What is left for work in flight."""
        self.begin()
        assert self._until_ms is not None
        return max(0, self._until_ms - CLOSE_MS - self._clock.now_ms())

    async def close(self) -> None:
        """All at once, since one that hangs must not take the others' time."""
        left_ms = self.work_ms() + CLOSE_MS
        await asyncio.gather(*(self._close(what, close, left_ms) for what, close in self._closers.items()))

    async def _close(self, what: str, close: Callable[[], Awaitable[None]], within_ms: int) -> None:
        try:
            async with asyncio.timeout(within_ms / 1000):
                await close()
        except TimeoutError:
            self.hangs.append(what)
            self._journal.say("warning", "close_hangs", service=what, cause="no answer in time; left as it is")
        except StreamerError as error:
            self._journal.say("warning", "close_failed", service=what, cause=str(error))
