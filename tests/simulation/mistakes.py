"""Mistakes, each one rule of the system broken: a class that takes the place of a right one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streamer.core.assessment import Row, RowRef
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing
from streamer.core.session import Begun, Claim, Outcome, SessionRef, Wake
from streamer.core.turn import Turn
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import TransientError
from streamer.loops.held import Held, HeldClaims
from streamer.loops.publishing import Publishing
from streamer.loops.saving import Batch
from streamer.loops.writing import Writing
from streamer.ports import TopicPartition
from tests.fakes.redis_state import TraceRow
from tests.fakes.session_store import FakeRedis
from tests.simulation.watched import WatchedChokePoint, WatchedIngest, WatchedJudge, WatchedStore

# ---------------------------------------------------------------- ingest


class WakesOwnIdOnly(WatchedIngest):
    async def _keep(self, batch: Batch) -> None:
        own: dict[str, set[str]] = {}
        for f in batch.fragments:
            own.setdefault(f.trace_id, set()).update(f.candidates)
        store = self._p.store
        wake = store.wake

        async def narrowed(wakes: Sequence[Wake]) -> frozenset[tuple[SessionRef, str]]:
            return await wake([w for w in wakes if w.session.session_id in own[w.trace_id]])

        store.wake = narrowed  # type: ignore[method-assign]
        try:
            await super()._keep(batch)
        finally:
            store.wake = wake  # type: ignore[method-assign]


class PausesTheSlowest(WatchedIngest):
    def _to_pause(self, share: float, progress: Mapping[TopicPartition, int]) -> frozenset[TopicPartition]:
        slowest = min(progress.values(), default=0)
        uneven = super()._to_pause(share, progress)
        return frozenset(p for p, ms in progress.items() if ms == slowest) if uneven else frozenset()


class CommitsBeforeSaving(WatchedIngest):
    async def _save(self, by_partition: Mapping[TopicPartition, Sequence[Record]]) -> None:
        ahead = {p: records[-1].offset + 1 for p, records in by_partition.items() if records}
        if ahead:
            await self._p.source.commit(ahead)
        await super()._save(by_partition)


class SkipsWhatFailed(WatchedIngest):
    async def _save(self, by_partition: Mapping[TopicPartition, Sequence[Record]]) -> None:
        try:
            await super()._save(by_partition)
        except TransientError:
            for partition, records in by_partition.items():
                if partition in self._readings:
                    self._readings[partition].save(records, self._p.clock.now_ms())


class DropsUnreadable(WatchedIngest):
    async def _set_aside(self, letters: Sequence[DeadLetter]) -> None:
        return None


class TrustsCachedEnd(WatchedIngest):
    """Progress is now while the fetch found nothing: librdkafka's end-of-partition event."""

    async def _publish_progress(self) -> None:
        now_ms = self._p.clock.now_ms()
        await self._p.store.publish_progress(self._p.name, dict.fromkeys(self._readings, now_ms))


class StaysAfterFailOver(WatchedIngest):
    async def _go_back(self) -> None:
        self._stale = False
        self._p.source.hold(False)


# ---------------------------------------------------------------- store


class IngestMovesLeased(WatchedStore):
    async def wake(self, wakes: Sequence[Wake]) -> frozenset[tuple[SessionRef, str]]:
        refused = await super().wake(wakes)
        for w in wakes:
            b = self.redis.buckets[w.session.bucket]
            if (s := b.session(w.session.key)) is not None and s.lease > self.redis.now_ms():
                b.move_to_quiet(s)
                b.touched.add(w.session.key)
                self.redis.after(b)
        return refused


class CompletesAnyToken(WatchedStore):
    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        s = self.redis.buckets[claim.bucket].session(claim.session.key)
        return await super().end_write(claim if s is None else replace(claim, token=s.token), outcome)


class CompletesAnyVersion(WatchedStore):
    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        s = self.redis.buckets[claim.bucket].session(claim.session.key)
        return await super().end_write(claim, outcome if s is None else replace(outcome, version=s.version))


class NoIntents(WatchedStore):
    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        begun = await super().begin_write(claim, rows)
        s = self.redis.buckets[claim.bucket].session(claim.session.key)
        if s is not None:
            s.intents.clear()
        return begun._replace(crowded=False)


class RowsForgotten(WatchedStore):
    """Delete the row of the last completed claim only: no set of rows that may stand."""

    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        await super().begin_write(claim, rows)
        s = self.redis.buckets[claim.bucket].session(claim.session.key)
        if s is not None:
            s.intents.clear()
            s.rows = set(rows)
        return Begun(frozenset(rows), False)


class SweepsAnyVersion(WatchedStore):
    def sweeps_at(self, row: TraceRow | None, turn_version: int | None) -> int | None:
        return row.version if row and turn_version is not None else turn_version


class AnswersNotSaved(WatchedStore):
    async def save_answer(self, claim: Claim, call_key: str, answer: Any) -> None:
        self.cluster.laws.answers.add((claim.session.key, call_key))


class ReconnectsSilently(WatchedStore):
    """What a replaced primary has lost goes unnoticed."""

    async def _run(
        self, bucket: int, body: Any, claim: Claim | None = None, wait: bool = False, hot: bool = False
    ) -> Any:
        self.seen = list(self.redis.epoch)
        fresh = None if claim is None else replace(claim, epoch=self.redis.epoch[self.redis.node(bucket)])
        return await super()._run(bucket, body, fresh, wait, hot)


class IgnoresUnreadPartitions(WatchedStore):
    async def progress(self, source: str) -> Mapping[TopicPartition, int]:
        return {p: ms for p, ms in (await super().progress(source)).items() if ms >= 0}


class OldGenerationClaims(WatchedStore):
    async def claim(self, limit: int, watermarks: Mapping[str, int], generation: int) -> Any:
        reply = await super().claim(limit, watermarks, 10**6)
        return reply._replace(claims=[replace(claim, generation=generation) for claim in reply.claims])


# ---------------------------------------------------------------- judge


class NoRenewal(HeldClaims):
    async def step(self) -> int:
        return 500


class NeverRetracts(WatchedJudge):
    async def _retract(self, held: Held, closed: Closing) -> None:
        await self._complete(held, self._outcome(held, {}, closed))


class ShorterTranscript(WatchedJudge):
    """A trace that has grown is read as it was kept."""

    async def _decode(self, held: Held) -> tuple[dict[str, Turn], bool]:
        turns, complete = await super()._decode(held)
        return {t: held.claim.state.turns.get(t, turn) for t, turn in turns.items()}, complete


class RemovedJudgeOwes(WatchedJudge):
    """What a judge that was taken away owed stays owed."""

    def _outcome(self, *args: Any) -> Outcome:
        outcome = super()._outcome(*args)
        kept = {name: entry for name, entry in outcome.entries.items() if entry.state != "removed"}
        return replace(outcome, entries=kept)


class BuysWithoutLooking(WatchedChokePoint):
    async def _ask(self, account: Any, request: Any) -> Any:
        account.prompt_hash = account.prompt_hash or request.call_key(0)
        return await self._buy(account, request, request.call_key(account.rejected))


class ErrorsPatch(Writing):
    async def _place(self, held: Held, row: Row) -> bool:
        await self._held.allowed(held)
        return await self._rows.patch(row) or await super()._place(held, row)


class DeletesByName(Writing):
    """Every row of the judge's name on the first trace but its own, whoever wrote it."""

    async def _place(self, held: Held, row: Row) -> bool:
        placed = await super()._place(held, row)
        if placed and row.ref.judge == "a":
            foreign = RowRef(f"foreign-{row.ref.trace_id.removeprefix('tr-')}", row.ref.trace_id, row.ref.judge)
            await self._rows.delete(foreign)
        return placed


class FallbackRests(Writing):
    """A row on the next earliest trace is taken as final."""

    async def write(self, *args: Any) -> Any:
        placement = await super().write(*args)
        return replace(placement, looking=False)


class FeedTrustsLedger(Publishing):
    def _is_due(self, held: Held, entry: Entry) -> bool:
        return entry.state in ("judged", "failed") and not entry.feed


class FeedAfterFailureOnly(Publishing):
    """A verdict that the feed did not take is called delivered."""

    async def _send(self, held: Held, records: Any) -> bool:
        await super()._send(held, records)
        return True


class FailuresCountAsTold(Publishing):
    """A failure that the feed did not take is never told."""

    def _is_due(self, held: Held, entry: Entry) -> bool:
        return super()._is_due(held, entry) and not (entry.state == "failed" and entry.feed)

    async def publish(self, *args: Any) -> Mapping[str, Entry]:
        told = await super().publish(*args)
        return {name: replace(e, feed=True) if e.state == "failed" else e for name, e in told.items()}


def count_tokens(redis: FakeRedis) -> None:
    for b in redis.buckets.values():
        b.next_token = plus_one


def plus_one(old: int, now: int) -> int:
    return old + 1
