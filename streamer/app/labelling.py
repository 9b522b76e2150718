"""`streamer label`: sessions drawn for people, what was said in them, and people's labels in MLflow.

Rule: whoever labels is told nothing of what the judge said. A label is written under an id of its own, so that giving
it again changes it and doubles nothing; rows of others, the judge's among them, are never touched.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.draws import KeptDraws
from streamer.adapters.redis_sessions.ledgers import ledgers
from streamer.app.looking import owned
from streamer.app.people import mlflow_of, now_ms, redis_of
from streamer.core.assemble import assemble
from streamer.core.assessment import RowRef, StoredTrace
from streamer.core.ids import mlflow_trace_id
from streamer.core.labels import Draw, Drawing, Drawn, Stratify, label_id, label_row
from streamer.core.transcript import Transcript
from streamer.core.verdict import VerdictValue
from streamer.errors import ConfigurationError, StreamerError, TransientError
from streamer.settings import Settings

T = TypeVar("T")
TRIES, RETRY_S = 3, 0.5
AT_ONCE = 8
"""Sessions that are looked at together when it is asked which are labelled already."""
Gone = Literal["gone", "no_trace"]
"""gone: nothing of it is left in Redis · no_trace: MLflow has none of its traces, so there is no place for a label."""


class Wanted(NamedTuple):
    judge: str
    sample: int
    stratify: Stratify
    seed: int
    since_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A session to label: what was said, and where its label stands or would stand (MLflow's trace id)."""

    drawn: Drawn
    transcript: Transcript
    place: str
    found: RowRef | None
    """The person's label, wherever it stands."""
    given: VerdictValue | None


async def drawn(settings: Settings, wanted: Wanted, *, keep: bool) -> tuple[Draw, bool]:
    """The sessions to label, and whether they were drawn before. `keep` False only says what would be drawn.

    ConfigurationError where the seed has drawn otherwise, or nothing is judged.
    """
    async with redis_of(settings) as redis:
        kept = KeptDraws(redis.shared)
        before = await kept.find(wanted.judge, wanted.seed)
        if before is not None:
            _refuse_other(before, wanted)
            return before, True
        made = await _newly(redis, wanted)
        return (await kept.keep(made) if keep else made), False


async def newly_drawn(settings: Settings, wanted: Wanted) -> Draw:
    """Whatever was drawn before. ConfigurationError where nothing is judged."""
    async with redis_of(settings) as redis:
        return await _newly(redis, wanted)


async def _newly(redis: RedisConnection, wanted: Wanted) -> Draw:
    drawing = Drawing(wanted.judge, sample=wanted.sample, stratify=wanted.stratify, seed=wanted.seed)
    try:
        async for ledger in ledgers(redis.shared, wanted.since_ms):
            entry = ledger.entries.get(wanted.judge)
            if entry is not None and entry.stands and entry.verdict is not None:
                drawing.add(ledger.session, entry.verdict.value)
    except ValueError as error:
        raise ConfigurationError(f"{error}: take --stratify none") from None
    made = drawing.drawn(now_ms())
    if not made.sessions:
        raise ConfigurationError(
            f"no session has a verdict of {wanted.judge} that Redis still knows: judge some first (streamer run, "
            "streamer evaluate --write), or look further back with --since"
        )
    return made


async def resumed(settings: Settings, judge: str, seed: int) -> Draw:
    """ConfigurationError if nothing was drawn."""
    async with redis_of(settings) as redis:
        before = await KeptDraws(redis.shared).find(judge, seed)
    if before is None:
        raise ConfigurationError(
            f"nothing was drawn for {judge} with --seed {seed} in the last 90 days: begin without --resume"
        )
    return before


def _refuse_other(before: Draw, wanted: Wanted) -> None:
    if (before.sample, before.stratify) != (wanted.sample, wanted.stratify):
        raise ConfigurationError(
            f"--seed {before.seed} has drawn {before.sample} sessions with --stratify {before.stratify} for "
            f"{before.judge}: go on with them (--resume), or draw others (--seed {before.seed + 1})"
        )


class Labelling:
    """One person at work on a drawing. Every call opens what it needs: somebody may have read for an hour before."""

    def __init__(self, settings: Settings, draw: Draw, person: str) -> None:
        self._settings, self.draw, self._person = settings, draw, person

    async def labelled(self, on_one: Callable[[], None]) -> list[VerdictValue | None]:
        """For each drawn session the label that this person has given it."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def given(one: Drawn) -> VerdictValue | None:
            async with limit:
                card = await self._card(redis, rows, one)
            on_one()
            return card.given if isinstance(card, Card) else None

        async with redis_of(self._settings) as redis, mlflow_of(self._settings) as rows:
            return await asyncio.gather(*(given(one) for one in self.draw.sessions))

    async def card(self, one: Drawn) -> Card | Gone:
        async with redis_of(self._settings) as redis, mlflow_of(self._settings) as rows:
            return await self._card(redis, rows, one)

    async def _card(self, redis: RedisConnection, rows: MlflowAssessments, one: Drawn) -> Card | Gone:
        store = redis.handle()
        known = await store.session(one.session.key)
        if known is None:
            return "gone"
        ref, state = await owned(store, self._settings, *known)
        transcript = assemble(ref.session_id, {trace: turn for trace, turn in state.turns.items() if turn.version})
        if not transcript.turns:
            return "gone"
        traces = await _traces(rows, transcript)
        if not traces:
            return "no_trace"
        own = label_id(self._settings.mlflow.namespace, ref, self.draw.judge, self._person)
        row = next((row for trace in traces for row in trace.rows if row.assessment_id == own), None)
        found = RowRef(own, row.trace_id, self.draw.judge) if row else None
        return Card(
            drawn=one,
            transcript=transcript,
            place=traces[0].trace_id,
            found=found,
            given=row.value if row else None,
        )

    async def store(self, card: Card, value: VerdictValue, note: str) -> None:
        """The label, in place of an earlier one of this person. StreamerError where MLflow no longer has the trace."""
        own = label_id(self._settings.mlflow.namespace, card.drawn.session, self.draw.judge, self._person)
        row = label_row(
            RowRef(own, card.place, self.draw.judge),
            card.transcript,
            self.draw,
            card.drawn.stratum,
            self._person,
            value,
            note,
        )
        async with mlflow_of(self._settings) as rows:
            if (earlier := card.found) is not None and earlier.trace_id != card.place:
                await _insistent(lambda: rows.delete(earlier))
            said = await _insistent(lambda: rows.post(row))
            if said == "exists" and not await _insistent(lambda: rows.patch(row)):
                raise TransientError("MLflow has this label on another trace meanwhile: label the session again")
        if said == "no_trace":
            raise StreamerError(f"MLflow no longer has trace {card.place}: the label was not kept")


async def _traces(rows: MlflowAssessments, transcript: Transcript) -> Sequence[StoredTrace]:
    """Those that MLflow has, the first trace first."""

    async def ask(trace_id: str) -> StoredTrace | None:
        return await _insistent(lambda: rows.trace(mlflow_trace_id(trace_id)))

    found = await asyncio.gather(*(ask(trace_id) for trace_id in transcript.traces))
    return [trace for trace in found if trace is not None]


async def _insistent(call: Callable[[], Awaitable[T]]) -> T:
    """Every call here may be repeated."""
    for left in reversed(range(TRIES)):
        try:
            return await call()
        except TransientError:
            if not left:
                raise
            await asyncio.sleep(RETRY_S)
    raise AssertionError("unreachable")
