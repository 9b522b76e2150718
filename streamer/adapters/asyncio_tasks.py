"""ports.Tasks on asyncio.

Rule: an error that nobody expected, or that only a person can mend (ConfigurationError), ends the process. It is kept
in `failure`, and the task that made this object (the main one) is cancelled, so that it can shut down in order and
raise it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from streamer.errors import ConfigurationError, StreamerError


class AsyncioTasks:
    """Must be made inside the running main task."""

    def __init__(self) -> None:
        self._main = asyncio.current_task()
        self._running: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None
        self.on_failure: Callable[[], None] = lambda: None
        """Told first: a library may swallow the cancellation (asyncio.wait_for of Python 3.11 does)."""

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)  # the event loop itself keeps only weak references
        task.add_done_callback(self._ended)

    async def together(self, works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        results = await asyncio.gather(*works, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return list(results)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or (isinstance(error, StreamerError) and not isinstance(error, ConfigurationError)):
            return
        self.failure = self.failure or error
        self.on_failure()
        if self._main is not None:
            self._main.cancel()
