"""Due sessions become verdicts: claim, decode, close, judge, publish, write, complete.

Rule: the claim is the only write path. Whatever goes wrong, the claim is left and its lease runs out; the next one
finds the kept turns, the saved answers and the rows that may stand, and goes on from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamer.core.assemble import assemble
from streamer.core.erasure import silenced
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing, Limits, closing
from streamer.core.rules import rule_of
from streamer.core.scoring import FACTS_EXPIRED, SHARED, without_judge
from streamer.core.session import Claim, Outcome
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure
from streamer.core.watermark import watermark_of
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate
from streamer.core.wire.decode import CAPS
from streamer.errors import OwnershipLost, PermanentError, StreamerError, TransientError
from streamer.loops.choke_point import Paused
from streamer.loops.decoding import Decoding
from streamer.loops.held import Held, HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.publishing import Publishing
from streamer.loops.writing import Placement, Writing
from streamer.ports import Clock, Journal, Metrics, SessionStore, Tasks

IDLE_MS = 100
BUSY_MS = 5
PAUSED_MS = 500
BACKOFF_MS = 400
REFUSED_RETRY_MS = 60_000
"""What MLflow refuses it would refuse again until somebody has mended it."""
COMPLETIONS_MAX = 4
"""end_write is tried so often; after that the lease runs out and the next claim completes."""


class Scores(Protocol):
    """loops.scoring.Scoring, or what was found out elsewhere."""

    async def entries(self, held: Held, transcript: Transcript, closed: Closing) -> dict[str, Entry]: ...

    def unread(self, held: Held, turns: Iterable[Turn], closed: Closing, failure: JudgeFailure) -> dict[str, Entry]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeParts:
    """What a judge worker is made of."""

    sources: Sequence[str]
    store: SessionStore
    held: HeldClaims
    scoring: Scores
    publishing: Publishing
    writing: Writing
    limits: Limits
    in_force: InForce
    capacity: int
    """Sessions worked on at once by this worker."""
    clock: Clock
    tasks: Tasks
    metrics: Metrics
    journal: Journal
    translate: Translate | None = None
    caps: Caps = CAPS
    session_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By source: attributes that name a session."""


def _lost(claim: Claim, turns: Mapping[str, Turn]) -> list[Turn]:
    """Turns that were kept and are another session's now, or erased: without their words."""
    return [silenced(turn) for trace, turn in claim.state.turns.items() if trace not in turns and turn.version]


class Judge:
    """One worker. `step()` claims what is due and starts the work on it."""

    def __init__(self, parts: JudgeParts) -> None:
        self._p = p = parts
        self._decoding = Decoding(p.store, p.clock, p.metrics, p.translate, p.caps, p.session_keys)
        self._outdated = False

    async def step(self) -> int:
        """Claim as many sessions as there is room for; returns how many ms to wait before the next pass."""
        room = self._p.capacity - len(self._p.held)
        if room <= 0:
            return BUSY_MS
        try:
            watermarks = {}
            for source in self._p.sources:
                watermarks[source] = watermark_of((await self._p.store.progress(source)).values())
                self._p.metrics.gauge("watermark_ms", watermarks[source], source=source)
            asked_at_ms, terms = self._p.clock.now_ms(), self._p.in_force.terms
            reply = await self._p.store.claim(room, watermarks, self._p.in_force.number)
        except TransientError as error:
            self._p.journal.say("warning", "claim_failed", cause=str(error))
            return error.retry_after_ms or BACKOFF_MS
        self._p.metrics.gauge("paused", float(reply.paused))
        self._say_if_outdated(reply.generation)
        for claim in reply.claims:
            self._p.tasks.start(self._work(self._p.held.add(claim, asked_at_ms, terms)))
        return PAUSED_MS if reply.paused else BUSY_MS if reply.claims else IDLE_MS

    def _say_if_outdated(self, in_force: int) -> None:
        """A worker of an older configuration claims nothing: somebody should know that it only looks alive."""
        outdated = in_force > self._p.in_force.number
        self._p.metrics.gauge("outdated", float(outdated))
        if outdated and not self._outdated:
            mine = self._p.in_force.number
            self._p.journal.say("warning", "configuration_outdated", generation=mine, in_force=in_force)
        self._outdated = outdated

    async def _work(self, held: Held) -> None:
        key = held.claim.session.key
        try:
            await self._judge(held)
        except Paused:
            await self._put_back(held)
        except OwnershipLost:
            self._p.metrics.count("ownership_lost")
            self._p.journal.say("warning", "ownership_lost", session=key, token=held.claim.token)
            await self._complete(held, Outcome(version=0, entries={}))
        except (TransientError, PermanentError) as error:
            self._abandon(held, error)
        finally:
            self._p.held.drop(held)

    async def _judge(self, held: Held) -> None:
        claim = held.claim
        if claim.state.shared:
            rule = rule_of(held.terms.rules, claim.session.scope.tenant, claim.state.turns.values())
            return await self._tell_unread(held, {}, Closing("max_traces", claim.state.activity_ms, rule), SHARED)
        turns, complete = await self._decode(held)
        closed = self._closing(held, turns)
        if closed.reason is None:
            self._p.metrics.count("releases")
            return await self._p.store.release(claim, closed.rule.pace, closed.at_ms, closed.look)
        if closed.reason == "quiet" and claim.due == "quiet":
            late_ms = claim.claimed_at_ms - claim.state.activity_ms - closed.rule.idle_gap_ms
            self._p.metrics.observe("close_lateness_seconds", max(0, late_ms) / 1000)
        self._observe_delay(claim, turns)
        if turns:
            new = [turn for trace_id, turn in turns.items() if claim.state.turns.get(trace_id) != turn]
            await self._p.store.keep_turns(claim, new + _lost(claim, turns), closed.rule.pace)
        if not complete:
            await self._tell_unread(held, turns, closed, FACTS_EXPIRED)
        elif not turns:
            await self._retract(held, closed)
        else:
            await self._score_and_write(held, turns, closed)
        return None

    def _observe_delay(self, claim: Claim, turns: Mapping[str, Turn]) -> None:
        """Spans that wait before Kafka, in an SDK or in a Collector's full queue, are seen by no watermark."""
        if turns and claim.state.has_grown:
            ended_ms = max(turn.end_ns for turn in turns.values()) // 1_000_000
            delay_s = max(0, claim.state.activity_ms - ended_ms) / 1000
            self._p.metrics.observe("span_delay_seconds", delay_s, source=claim.session.scope.source)

    def _closing(self, held: Held, turns: Mapping[str, Turn]) -> Closing:
        claim = held.claim
        rule = rule_of(held.terms.rules, claim.session.scope.tenant, turns.values())
        if not claim.state.members:
            return Closing("empty", 0, rule)
        return closing(claim.state, turns, rule, claim.watermark_ms, self._p.limits)

    async def _decode(self, held: Held) -> tuple[dict[str, Turn], bool]:
        return await self._decoding.turns(held.claim, held.terms.asked)

    async def _score_and_write(self, held: Held, turns: Mapping[str, Turn], closed: Closing) -> None:
        transcript = assemble(held.claim.session.session_id, turns)
        specs = held.terms.specs
        scored = await self._p.scoring.entries(held, transcript, closed)
        told = await self._p.publishing.publish(held, specs, scored, transcript, closed)
        placement = await self._p.writing.write(held, specs, told, transcript)
        late = await self._wiped(held, placement.placed)
        done = await self._complete(held, self._outcome(held, placement.entries, closed, placement, late))
        read = [entry for entry in placement.entries.values() if entry.inclusion.is_in]
        placed = all(entry.state == "judged" and entry.mlflow for entry in read)
        if done and read and placed and held.claim.due == "quiet":
            ended_ms = max(turn.end_ns for turn in turns.values()) // 1_000_000
            delay_ms = self._p.clock.now_ms() - ended_ms
            self._p.metrics.observe("verdict_delay_seconds", max(0, delay_ms) / 1000)

    async def _retract(self, held: Held, closed: Closing) -> None:
        """A session left without turns: no row may stay, and readers of the feed are told."""
        entries, cleared = await self._p.writing.retract(held, held.terms.specs)
        told = await self._p.publishing.retract(held, held.terms.specs, entries)
        late = None if cleared and told else self._delivery_retry_ms(held)
        if late is None and (lost := _lost(held.claim, {})):  # told by then: its record names what the turns do
            await self._p.store.keep_turns(held.claim, lost, held.claim.state.pace or closed.rule.pace)
        placement = Placement(entries, retracted=late is None)
        outcome = self._outcome(held, entries, closed, placement, late)
        if await self._complete(held, outcome) and outcome.retracted:
            self._p.metrics.count("retractions")

    async def _tell_unread(self, held: Held, turns: Mapping[str, Turn], closed: Closing, failure: JudgeFailure) -> None:
        """No judge is asked, and the ledger and the feed say why."""
        entries = self._p.scoring.unread(held, turns.values(), closed, failure)
        transcript = assemble(held.claim.session.session_id, turns)
        told = await self._p.publishing.publish(held, held.terms.specs, entries, transcript, closed)
        late = await self._wiped(held)
        outcome = self._outcome(held, told, closed, next_in_ms=late)
        if await self._complete(held, outcome) and held.claim.state.has_grown:
            self._p.metrics.count("sessions_unread", kind=failure.kind)

    def _outcome(
        self,
        held: Held,
        entries: Mapping[str, Entry],
        closed: Closing,
        placement: Placement | None = None,
        next_in_ms: int | None = None,
    ) -> Outcome:
        now_ms, placed = self._p.clock.now_ms(), placement or Placement(entries)
        retry_ms = self._delivery_retry_ms(held)
        waits = [next_in_ms] if next_in_ms is not None else []
        for entry in entries.values():
            if entry.state in ("retrying", "deferred"):
                waits.append(max(0, entry.next_at_ms - now_ms))
            elif entry.owes:
                waits.append(retry_ms)
        configured, ledger = {spec.name for spec in held.terms.specs}, held.claim.state.ledger
        past = {name: entry for name, entry in ledger.items() if name not in configured}
        gone = {name: without_judge(e) for name, e in past.items() if e.owes or e.state == "sampled_out"}
        return Outcome(
            version=held.claim.state.version,
            entries={**gone, **entries},
            placed=placed.placed,
            next_in_ms=min(waits, default=None),
            first_missing=placed.first_missing,
            looking=placed.looking,
            retracted=placed.retracted or (held.claim.state.wipe and next_in_ms is None),
            reason=closed.reason,
            size=closed.size,
            look=closed.look,
        )

    async def _wiped(self, held: Held, placed: frozenset[str] = frozenset()) -> int | None:
        """When to look again because of rows that an erasure has left behind; None if there are none."""
        return None if await self._p.writing.wipe(held, placed) else self._delivery_retry_ms(held)

    def _delivery_retry_ms(self, held: Held) -> int:
        return REFUSED_RETRY_MS if held.refused else self._p.limits.delivery_retry_ms

    async def _complete(self, held: Held, outcome: Outcome) -> bool:
        """end_write, with what begin_write said; a completion without a reason only drops the own intent. Whether the
        claim was still in force."""
        if outcome.reason is None and not held.begun:
            return False
        key = held.claim.session.key
        for _ in range(COMPLETIONS_MAX):
            try:
                done = await self._p.store.end_write(held.claim, held.sign(outcome))
            except TransientError:
                await self._p.clock.sleep_ms(BACKOFF_MS)
                continue
            except PermanentError as error:
                self._abandon(held, error)
                return False
            if not done:
                self._p.metrics.count("stale_completions")
            elif outcome.reason is not None and held.claim.state.owes_closing:
                self._p.metrics.count("closings", reason=outcome.reason)
                self._p.metrics.gauge("closed_ms", self._p.clock.now_ms())
            self._p.journal.say("info", "completed" if done else "stale", session=key, token=held.claim.token)
            return done
        self._abandon(held, TransientError("Redis did not take the completion"))
        return False

    def _abandon(self, held: Held, error: StreamerError) -> None:
        """Left to the lease: whoever claims next sees that this claim never came back."""
        self._p.metrics.count("claims_abandoned")
        self._p.journal.say("warning", "claim_abandoned", session=held.claim.session.key, cause=str(error))

    async def _put_back(self, held: Held, in_ms: int = 0) -> None:
        """Give the claim up: no revision, no call, due again by itself."""
        try:
            await self._p.store.put_back(held.claim, in_ms)
        except (TransientError, PermanentError) as error:
            self._abandon(held, error)
