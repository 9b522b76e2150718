"""The claims that one judge worker holds, and what each has done so far.

Rule: before every write outside Redis a claim must be `allowed`: not lost by what the renewal knows, and its token and
lease still in force by Redis' own word.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from streamer.core.assessment import RowRef
from streamer.core.lifecycle import Limits
from streamer.core.session import Claim, Outcome
from streamer.core.terms import Terms
from streamer.errors import OwnershipLost, PermanentError, TransientError
from streamer.ports import Clock, SessionStore


@dataclass(slots=True)
class Held:
    """One claim while it is worked on."""

    claim: Claim
    known_until_ms: int
    """By the worker's clock: the lease, counted from when its last grant was asked for."""
    terms: Terms
    """Those of the generation that it was claimed under: they may be replaced while it is worked on."""
    lost: bool = False
    begun: bool = False
    rows: frozenset[RowRef] = frozenset()
    crowded: bool = False
    doubtful: bool = False
    refused: bool = False
    """MLflow will not take a row, or let one go, as things are; a person may mend it."""

    def note(self, error: TransientError | PermanentError) -> None:
        """What a write to MLflow that failed leaves behind."""
        if isinstance(error, TransientError):
            self.doubtful = self.doubtful or error.maybe_done
        else:
            self.refused = True

    @property
    def undisturbed(self) -> bool:
        """Nobody else can have written since the claim that completed last: what the ledger says of rows is so."""
        state = self.claim.state
        return not (self.claim.interrupted or self.crowded or state.looks or state.mend)

    def expired(self, now_ms: int) -> bool:
        """Known to be no longer this worker's, without asking anybody: after a stop of the process, say."""
        return self.lost or now_ms > self.known_until_ms

    def sign(self, outcome: Outcome) -> Outcome:
        """The outcome with what this claim said and saw when it began to write."""
        return replace(outcome, rows=self.rows, begun=self.begun, crowded=self.crowded, doubtful=self.doubtful)


class HeldClaims:
    """All claims of a worker; the renewal loop's work list."""

    def __init__(self, store: SessionStore, clock: Clock, limits: Limits) -> None:
        self._store, self._clock, self._limits = store, clock, limits
        self._held: dict[tuple[str, int], Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, claim: Claim, asked_at_ms: int, terms: Terms) -> Held:
        held = Held(claim, asked_at_ms + self._limits.lease_ms, terms)
        self._held[claim.name] = held
        return held

    def drop(self, held: Held) -> None:
        self._held.pop(held.claim.name, None)

    async def allowed(self, held: Held) -> None:
        """Raises OwnershipLost unless the claim may write now."""
        if held.expired(self._clock.now_ms()):
            raise OwnershipLost(held.claim.session.key)
        await self._store.holds(held.claim)

    async def refresh(self, held: Held) -> None:
        """Before money is spent: after a stop of this process the lease may be nearly over, and its renewal overdue."""
        if held.lost:
            raise OwnershipLost(held.claim.session.key)
        if self._is_due(held, self._clock.now_ms()):
            await self._renew([held])
            if held.lost:
                raise OwnershipLost(held.claim.session.key)

    async def step(self) -> int:
        """Renew what is due: `renew_ms` after the last grant was asked for, at once if overdue."""
        now_ms = self._clock.now_ms()
        due = [held for held in self._held.values() if not held.lost and self._is_due(held, now_ms)]
        if due:
            with suppress(TransientError):  # tried again at the next step; what is not renewed in time is lost
                await self._renew(due)
        return self._limits.renew_ms // 10

    def _is_due(self, held: Held, now_ms: int) -> bool:
        return held.known_until_ms - self._limits.lease_ms + self._limits.renew_ms <= now_ms

    async def _renew(self, due: Sequence[Held]) -> None:
        asked_at_ms = self._clock.now_ms()
        lost = await self._store.renew([held.claim for held in due])
        for held in due:
            held.lost = held.claim.name in lost
            held.known_until_ms = held.known_until_ms if held.lost else asked_at_ms + self._limits.lease_ms
