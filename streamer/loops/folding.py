"""Records of the feed into their series: look, decide, compare and set.

Rule: a batch is done once Redis has taken all of it and Kafka has acknowledged its dead letters. Until then nobody may
count it as read: an unreachable Redis makes it wait, and nothing is ever skipped.
"""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from streamer.alert_ports import SeriesStore
from streamer.core.alerts.change import changed
from streamer.core.alerts.lane import Change, Lane, LanePolicy, Seen, Wanted, lanes_of, wanted
from streamer.core.alerts.observation import UnreadableRecord, observed
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import TransientError
from streamer.ports import Clock, DeadLetters, Journal, Metrics

RECORDS_MAX = 500
"""In one batch: more blocks Redis for longer than 5 ms a call, and gains nothing."""
LANE_RECORDS_MAX = 200
RETRY_MS = 500
BACKLOG_MS = 86_400_000
DETAIL_CHARS_MAX = 200


class Folding:
    def __init__(
        self,
        policy: LanePolicy,
        store: SeriesStore,
        dead_letters: DeadLetters,
        clock: Clock,
        metrics: Metrics,
        journal: Journal,
        *,
        is_backlog: bool = False,
        strike: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """`is_backlog`: whatever is proposed is old news, also of what was published a moment ago. `strike`: is told
        the tenant and the id of a session whose tombstone has come."""
        self.policy, self._is_backlog, self._strike = policy, is_backlog, strike
        self.late_ms = 0
        """From the publication of the last batch's newest record to its fold."""
        self._store, self._dead_letters, self._clock = store, dead_letters, clock
        self._metrics, self._journal = metrics, journal

    async def fold(self, records: Sequence[Record]) -> list[Mapping[str, Any]]:
        """Returns once all is kept; what detectors proposed. Repeatable. Waits while Redis or Kafka does not answer."""
        by_lane, letters = self._read(records)
        buried = {found for record in records if record.value is None and (found := session_of(record.key)) is not None}
        proposals: list[Mapping[str, Any]] = []
        waited = False
        while by_lane or letters or buried:
            try:
                if by_lane:
                    proposals += await self._pass(by_lane)
                elif letters:
                    await self._dead_letters.put(letters)
                    letters = []
                elif self._strike is not None:
                    one = next(iter(buried))
                    await self._strike(*one)
                    buried.discard(one)
                else:
                    buried.clear()
            except TransientError as error:
                if not waited:
                    self._journal.say("warning", "monitor_waits", cause=str(error))
                waited = True
                await self._clock.sleep_ms(max(RETRY_MS, error.retry_after_ms or 0))
        self._metrics.count("monitor_records", len(records))
        if records:
            times, now_ms = [record.timestamp_ms for record in records], self._clock.now_ms()
            self._metrics.observe("monitor_delay_seconds", max(0, now_ms - min(times)) / 1_000)
            self.late_ms = now_ms - max(times)
        return proposals

    def _read(self, records: Sequence[Record]) -> tuple[dict[Lane, list[Seen]], list[DeadLetter]]:
        by_lane: dict[Lane, list[Seen]] = defaultdict(list)
        letters = []
        for record in records:
            if record.value is None:
                continue  # a tombstone
            try:
                observation = observed(_json(record.value))
            except UnreadableRecord as error:
                detail = str(error)[:DETAIL_CHARS_MAX]
                letters.append(DeadLetter(record, "unreadable", detail))
                self._metrics.count("monitor_dead_letters", reason=error.reason)
                self._journal.say(
                    "warning", "feed_record_unreadable", partition=record.partition, offset=record.offset, cause=detail
                )
                continue
            for lane, seen in lanes_of(observation):
                by_lane[lane].append(seen)
        return by_lane, letters

    async def _pass(self, by_lane: dict[Lane, list[Seen]]) -> list[Mapping[str, Any]]:
        """One try for a part of every lane; what was taken leaves `by_lane`, what changed meanwhile stays."""
        parts = {lane: seen[:LANE_RECORDS_MAX] for lane, seen in by_lane.items()}
        looked = await self._store.look([self._wanted(lane, seen) for lane, seen in parts.items()])
        now_ms = self._clock.now_ms()
        changes = [
            changed(lane, seen, kept, self.policy, now_ms)
            for (lane, seen), kept in zip(parts.items(), looked, strict=True)
        ]
        if self._is_backlog:
            for change in changes:
                change.proposals = [{**one, "late_ms": BACKLOG_MS} for one in change.proposals]
        done = await self._apply(changes)
        proposals: list[Mapping[str, Any]] = []
        for change, taken in zip(changes, done, strict=True):
            if not taken:
                self._metrics.count("monitor_conflicts")
                continue
            proposals += change.proposals
            del by_lane[change.lane][:LANE_RECORDS_MAX]
            if not by_lane[change.lane]:
                del by_lane[change.lane]
        return proposals

    async def _apply(self, changes: Sequence[Change]) -> list[bool]:
        needed = [change for change in changes if not change.is_empty]
        taken = iter(await self._store.apply(needed) if needed else ())
        return [change.is_empty or next(taken) for change in changes]

    def _wanted(self, lane: Lane, seen: Sequence[Seen]) -> Wanted:
        rules = [rule for rule in self.policy.rules if rule.judge == lane.judge]
        return wanted(lane, seen, rules)


def session_of(key: bytes | None) -> tuple[str, str] | None:
    """Tenant and id that a tombstone buries, once for each session: of its keys that of the closing."""
    parts = (key or b"").decode("utf-8", "replace").split("|")
    return (unquote(parts[0]), unquote(parts[1])) if len(parts) == 3 and not parts[2] else None


def _json(value: bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise UnreadableRecord("malformed", "the record is no JSON") from None
