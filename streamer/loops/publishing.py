"""Verdicts, failures, retractions and closings onto the feed.

Rule: MLflow and the feed are two deliveries, each acknowledged by itself. The first claim to close a session after one
that never came back publishes again, whatever the ledger says: what the lost claim told the feed no ledger knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from streamer.core.feed import FeedRecord, UserIds, closing_record, emptied_record, retraction_record, verdict_record
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry, versions_of
from streamer.core.lifecycle import Closing
from streamer.core.transcript import Transcript
from streamer.errors import OwnershipLost, TransientError
from streamer.loops.held import Held
from streamer.ports import Clock, FeedPublisher, Journal, Metrics


class Publishing:
    def __init__(
        self,
        namespace: str,
        feed: FeedPublisher,
        clock: Clock,
        metrics: Metrics,
        journal: Journal,
        users: UserIds = "hashed",
    ) -> None:
        self._namespace, self._feed, self._clock, self._users = namespace, feed, clock, users
        self._metrics, self._journal = metrics, journal

    async def publish(
        self,
        held: Held,
        specs: Sequence[JudgeSpec],
        entries: Mapping[str, Entry],
        transcript: Transcript,
        closed: Closing,
    ) -> Mapping[str, Entry]:
        """Entries with `feed` as it is now: whether Kafka has acknowledged the record of each that was due."""
        due = [spec for spec in specs if self._is_due(held, entries[spec.name])]
        if not due and not held.claim.state.owes_closing:
            return entries
        claim, now_ms = held.claim, self._clock.now_ms()
        reason = closed.reason or "quiet"
        records = [
            verdict_record(
                self._namespace, claim, spec, entries[spec.name], transcript.turns, reason, now_ms, users=self._users
            )
            for spec in due
        ]
        records.append(
            closing_record(self._namespace, claim, specs, entries, transcript.turns, reason, now_ms, users=self._users)
        )
        sent = await self._send(held, records)
        return {**entries, **{spec.name: replace(entries[spec.name], feed=sent) for spec in due}}

    async def retract(self, held: Held, specs: Sequence[JudgeSpec], entries: Mapping[str, Entry]) -> bool:
        """Tell readers that a session has no turns any more; whether Kafka has acknowledged it."""
        now_ms = self._clock.now_ms()
        judges = versions_of(held.claim.state.ledger, specs)
        records = [
            retraction_record(self._namespace, held.claim, name, v, now_ms, users=self._users)
            for name, v in judges.items()
        ]
        records.append(emptied_record(self._namespace, held.claim, specs, entries, now_ms, users=self._users))
        return await self._send(held, records)

    def _is_due(self, held: Held, entry: Entry) -> bool:
        return entry.stands and (not entry.feed or held.claim.interrupted)

    async def _send(self, held: Held, records: Sequence[FeedRecord]) -> bool:
        """Raises OwnershipLost. Redis is not asked: what slips through has the smaller token, and readers drop it."""
        if held.expired(self._clock.now_ms()):
            raise OwnershipLost(held.claim.session.key)
        try:
            await self._feed.publish(records)
        except TransientError as error:
            self._metrics.count("feed_failures")
            self._journal.say("warning", "feed_failed", session=held.claim.session.key, cause=str(error))
            return False
        self._metrics.count("feed_records", len(records))
        return True
