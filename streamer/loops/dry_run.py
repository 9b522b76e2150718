"""The judge loop without its hands: it decodes, closes and estimates. No model call, no row, no feed, no dead letter.

Rule: it runs apart, in a consumer group and under keys of its own that are gone afterwards: what runs beside it never
notices.
"""

from collections.abc import Mapping, Sequence

from streamer.core.assemble import assemble
from streamer.core.choosing import choices
from streamer.core.lifecycle import Closing
from streamer.core.model import Completion, ModelRequest
from streamer.core.sampling import draw
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure
from streamer.core.wire.records import DeadLetter
from streamer.core.words import counted
from streamer.loops.held import Held
from streamer.loops.judge import Judge, JudgeParts
from streamer.ports import Judges, Model

LOOK_AGAIN_MS = 30_000
"""Long enough not to spin on the same sessions; they may grow and be judged once more."""

PLAUSIBLE = Completion(content='{"result": "yes", "rationale": "-"}', input_tokens=0, output_tokens=0, cost_usd=None)


class Estimate:
    """What a real run would have done so far. Each version of a session counts once."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], int] = {}
        self._usd: dict[tuple[str, int], float] = {}
        self.tokens_unpriced = 0
        self.open = self.parked = 0

    @property
    def sessions(self) -> int:
        return len({key for key, _ in self._calls})

    @property
    def calls(self) -> int:
        return sum(self._calls.values())

    @property
    def usd(self) -> float:
        return sum(self._usd.values())

    def usd_of(self, name: tuple[str, int]) -> float:
        return self._usd.get(name, 0.0)

    def knows(self, name: tuple[str, int]) -> bool:
        return name in self._calls

    def add(self, name: tuple[str, int], usd: float | None, tokens: int) -> None:
        self._calls[name] = self._calls.get(name, 0) + 1
        self._usd[name] = self._usd.get(name, 0.0) + (usd or 0.0)
        self.tokens_unpriced += tokens if usd is None else 0

    def __str__(self) -> str:
        unpriced = f" and {self.tokens_unpriced} tokens of unknown price" if self.tokens_unpriced else ""
        cost = f"about ${self.usd:.4f}{unpriced}"
        return (
            f"would have judged {counted(self.sessions, 'session')} for {cost} ({counted(self.calls, 'model call')}); "
            f"{counted(self.open, 'session')} not closed yet, {counted(self.parked, 'trace')} without a session"
        )


class NoDeadLetters:
    """Unreadable records are counted and said, not written."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        return None


class DryRun(Judge):
    def __init__(self, parts: JudgeParts, judges: Judges, model: Model, estimate: Estimate) -> None:
        super().__init__(parts)
        self._judges, self._model, self._estimate = judges, model, estimate

    async def _score_and_write(self, held: Held, turns: Mapping[str, Turn], closed: Closing) -> None:
        claim = held.claim
        name = (claim.session.key, claim.state.version)
        names = [spec.name for spec in held.terms.specs]
        chosen = choices(closed.rule, names, {}, draw(claim.session.key), turns.values())
        asked = [spec for spec in held.terms.specs if chosen[spec.name].is_in]
        if asked and not self._estimate.knows(name):
            transcript = assemble(claim.session.session_id, turns)

            async def ask(request: ModelRequest) -> Completion:
                self._estimate.add(name, *self._model.estimate(request))
                return PLAUSIBLE  # a judge that asks several times goes on, and every call of it is counted

            for spec in asked:
                await self._judges.judge(spec, transcript, {} if spec.reads_expectations else None, ask)
            self._p.journal.say(
                "info", "would_judge", session=claim.session.key, usd=round(self._estimate.usd_of(name), 6)
            )
        await self._put_back(held, LOOK_AGAIN_MS)

    async def _tell_unread(self, held: Held, turns: Mapping[str, Turn], closed: Closing, failure: JudgeFailure) -> None:
        await self._put_back(held, LOOK_AGAIN_MS)

    async def _retract(self, held: Held, closed: Closing) -> None:
        await self._put_back(held, LOOK_AGAIN_MS)
