"""Whether this worker's configuration is in force.

Rule: one is in force while workers of it are heard. A worker that comes back with an older one (a rollout is under way,
and the old one was killed) claims nothing while the newer lives, and takes over once that has been silent.
"""

from streamer.core.terms import Terms
from streamer.errors import TransientError
from streamer.ports import Journal, Metrics, SessionStore

TELL_MS = 10_000


class InForce:
    """`number` is what this worker claims under, `terms` what it goes by then: the two change together."""

    def __init__(self, store: SessionStore, terms: Terms, metrics: Metrics, journal: Journal, number: int = 0) -> None:
        self._store, self._metrics, self._journal = store, metrics, journal
        self._wanted = self.terms = terms
        self.number = number

    def take(self, terms: Terms) -> None:
        """Go by these as soon as Redis knows them: from the next `tell` on. Claims under way keep theirs."""
        self._wanted = terms

    async def step(self) -> int:
        """Tell Redis that the configuration lives; returns how many ms to wait before the next time."""
        try:
            await self.tell()
        except TransientError as error:
            return error.retry_after_ms or TELL_MS
        return TELL_MS

    async def tell(self) -> None:
        terms = self._wanted
        number = await self._store.put_in_force(terms.content)
        if terms is not self._wanted:  # replaced meanwhile: whoever did tells Redis of the new ones
            return
        if (number, terms) != (self.number, self.terms):
            self.number, self.terms = number, terms
            self._journal.say("info", "configuration", generation=number, hash=terms.hash)
            self._metrics.gauge("configuration_generation", number)
            self._metrics.gauge("configuration_hash", int(terms.hash, 16))
