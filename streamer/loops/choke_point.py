"""The one way to a language model: saved answer, kill switch, spending limit, Retry-After, the call, the answer saved.

Rule: an answer is in Redis before anybody uses it, and Redis is asked once more at the last moment before buying.
"""

from dataclasses import dataclass
from typing import Protocol

from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.errors import CallFailed, StreamerError, TransientError
from streamer.loops.held import Held
from streamer.ports import Answers, Clock, Journal, Metrics, Model, Spending

SAVES_MAX = 5
SAVE_RETRY_MS = 300
RESERVED_MS = 30_000
"""A reservation outlives its call's deadline by this; unsettled after that, it counts as spent."""


class Paused(StreamerError):
    """`streamer pause` is in force: no model call may start."""


class SpendingLimitReached(StreamerError):
    """The day's money is spent."""


@dataclass(slots=True)
class Account:
    """What one judgement asks for, and what stopped it."""

    held: Held
    spec: JudgeSpec
    rejected: int
    calls: int = 0
    """That were really sent."""
    prompt_hash: str | None = None
    stopped_by: StreamerError | None = None


class Leases(Protocol):
    async def refresh(self, held: Held) -> None:
        """Before money is spent. Raises OwnershipLost."""


class ChokePoint:
    """Shared by all judgements of a worker."""

    def __init__(
        self,
        model: Model,
        store: Answers,
        claims: Leases,
        spending: Spending,
        clock: Clock,
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self._model, self._store, self._claims, self._spending = model, store, claims, spending
        self._clock, self._metrics, self._journal = clock, metrics, journal
        self._not_before_ms: dict[str, int] = {}
        """By provider: its Retry-After. Nothing is sent to it before."""

    async def ask(self, account: Account, request: ModelRequest) -> Completion:
        """The answer to `request`, saved or bought. Raises CallFailed; what else stopped it stands in the account,
        since a judge's own code lies between here and the loop and may swallow what it does not know."""
        try:
            return await self._ask(account, request)
        except StreamerError as error:
            account.stopped_by = error
            raise CallFailed("internal", type(error).__name__) from error

    async def _ask(self, account: Account, request: ModelRequest) -> Completion:
        call_key = request.call_key(account.rejected)
        account.prompt_hash = account.prompt_hash or request.call_key(0)
        async with self._model.room(request):  # whoever waits here has bought nothing yet, and looks again afterwards
            await self._claims.refresh(account.held)
            found = await self._store.find_answer(account.held.claim, call_key)
            if found == "paused":
                raise Paused(account.held.claim.session.key)
            if found is not None:
                self._metrics.count("answers_reused", judge=account.spec.name)
                return found
            return await self._buy(account, request, call_key)

    async def _buy(self, account: Account, request: ModelRequest, call_key: str) -> Completion:
        now_ms = self._clock.now_ms()
        if (until_ms := self._not_before_ms.get(request.provider, 0)) > now_ms:
            raise CallFailed("rate_limited", "the provider asked to wait", until_ms - now_ms)
        usd, tokens = self._model.estimate(request)
        claim = account.held.claim
        call, until_ms = (
            f"{claim.session.key}-{claim.token}-{call_key}",
            now_ms + account.spec.deadline_ms + RESERVED_MS,
        )
        if not await self._spending.reserve(call, usd or 0.0, tokens if usd is None else 0, until_ms):
            self._metrics.count("spending_limit_reached")
            raise SpendingLimitReached("the day's spending limit is reached")
        answer = await self._call(account, request, call)
        await self._save(account.held, call_key, answer)
        await self._settle(call, answer)
        return answer

    async def _call(self, account: Account, request: ModelRequest, call: str) -> Completion:
        began_ms = self._clock.now_ms()
        account.calls += 1
        try:
            answer = await self._model.complete(request, account.spec.deadline_ms)
        except CallFailed as failure:
            self._metrics.count("model_calls", judge=account.spec.name, outcome=failure.kind)
            if failure.retry_after_ms:
                self._not_before_ms[request.provider] = self._clock.now_ms() + failure.retry_after_ms
            if failure.kind != "timeout":  # the provider may have answered, and bills it: the reservation stands
                await self._settle(call, failure.billed)
            if failure.billed is not None:
                self._count(failure.billed)
            raise
        self._metrics.count("model_calls", judge=account.spec.name, outcome="ok")
        self._metrics.observe("model_call_seconds", (self._clock.now_ms() - began_ms) / 1000, judge=account.spec.name)
        self._count(answer)
        return answer

    def _count(self, answer: Completion) -> None:
        self._metrics.count("model_tokens", answer.input_tokens, kind="input")
        self._metrics.count("model_tokens", answer.output_tokens, kind="output")
        self._metrics.count("model_cost_usd", answer.cost_usd or 0.0)

    async def _save(self, held: Held, call_key: str, answer: Completion) -> None:
        """Money was spent: insist."""
        for left in reversed(range(SAVES_MAX)):
            try:
                return await self._store.save_answer(held.claim, call_key, answer)
            except TransientError:
                if not left:
                    raise
                await self._clock.sleep_ms(SAVE_RETRY_MS)
        return None

    async def _settle(self, call: str, answer: Completion | None) -> None:
        """A call without a reply cost nothing that we know of. A reservation left open counts as spent."""
        usd = 0.0 if answer is None else answer.cost_usd or 0.0
        unpriced = answer is not None and answer.cost_usd is None
        tokens = answer.input_tokens + answer.output_tokens if answer is not None and unpriced else 0
        try:
            await self._spending.settle(call, usd, tokens)
        except TransientError as error:
            self._journal.say("warning", "spending_not_settled", cause=str(error))
