"""Whether this worker's configuration is in force.

Rule: one is in force while workers of it are heard. A worker that comes back with an older one (a rollout is under way,
and the old one was killed) claims nothing while the newer lives, and takes over once that has been silent.
"""

from streamer.errors import TransientError
from streamer.ports import Journal, SessionStore

TELL_MS = 10_000


class InForce:
    """`number` is what this worker claims under. `content` says everything that must be alike on all workers."""

    def __init__(self, store: SessionStore, content: bytes, journal: Journal, number: int = 0) -> None:
        self._store, self._content, self._journal = store, content, journal
        self.number = number

    async def step(self) -> int:
        """Tell Redis that the configuration lives; returns how many ms to wait before the next time."""
        try:
            await self.tell()
        except TransientError as error:
            return error.retry_after_ms or TELL_MS
        return TELL_MS

    async def tell(self) -> None:
        number = await self._store.put_in_force(self._content)
        if number != self.number:
            self.number = number
            self._journal.say("info", "configuration", generation=number)
