"""Records from Kafka into Redis: fetch, cut, save in two phases, say how far, commit behind.

Rule: an offset is committed only after Redis has answered for every record below it, and for `commit_delay_ms` more.
Whatever fails, nothing is skipped: reading goes back to the committed offsets, and saving again changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamer.core.fuse import Fuse
from streamer.core.lifecycle import Limits
from streamer.core.pressure import ALIGN_SHARE, FULL_SHARE, ahead
from streamer.core.reading import Reading
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import FuseBlown, TransientError
from streamer.loops.saving import Batch, Saving
from streamer.loops.setting_aside import SettingAside
from streamer.loops.telling import Standing, Telling
from streamer.loops.waiting import SLICE_BYTES, Waiting
from streamer.ports import (
    Clock,
    DeadLetters,
    Fetched,
    Journal,
    Metrics,
    RecordSource,
    SessionStore,
    TopicPartition,
)

MEMORY_CHECK_MS = 1_000
IDLE_MS = 20
"""After an empty fetch; the fetch itself has waited already."""
BACKOFF_MS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestParts:
    """What an ingest worker of one [[sources]] table is made of."""

    name: str
    """The source's name: sessions of different sources never meet."""
    source: RecordSource
    store: SessionStore
    dead_letters: DeadLetters
    cutter: Cutter
    fuse: Fuse
    """Shared by all sources of the process."""
    limits: Limits
    clock: Clock
    metrics: Metrics
    journal: Journal
    slice_bytes: int = SLICE_BYTES


class Ingest:
    """One worker. `step()` is one pass; several workers of one group share the partitions and nothing else."""

    def __init__(self, parts: IngestParts) -> None:
        self._p = parts
        self._aside = SettingAside(parts.name, parts.dead_letters, parts.metrics, parts.journal)
        self._telling = Telling(parts.name, parts.store, parts.fuse, parts.clock, parts.metrics)
        self._saving = Saving(parts.name, parts.store, parts.metrics)
        self._readings: dict[TopicPartition, Reading] = {}
        self._waiting = Waiting()
        self._published: dict[TopicPartition, int] = {}
        self._stale = False
        self._listed_at_ms = self._metadata_at_ms = self._memory_at_ms = -1
        self._held = False
        self._ahead: frozenset[TopicPartition] = frozenset()
        self._blown: frozenset[TopicPartition] = frozenset()
        self._topics: frozenset[str] = frozenset()
        self._silent: frozenset[TopicPartition] = frozenset()
        self._told: set[str] = set()
        self._interrupted_by = ""

    async def step(self) -> int:
        """One pass; returns how many ms to wait before the next."""
        try:
            if self._stale:
                await self._go_back()
            return await self._pass()
        except TransientError as error:
            self._stale = True
            self._p.source.hold(True)
            self._p.metrics.count("ingest_interrupted", source=self._p.name)
            if str(error) != self._interrupted_by:  # an outage of an hour is one line, not nine thousand
                self._interrupted_by = str(error)
                self._p.journal.say("warning", "ingest_interrupted", source=self._p.name, cause=str(error))
            return error.retry_after_ms or BACKOFF_MS

    async def _pass(self) -> int:
        if self._is_memory_due():
            await self._watch_memory()
        await self._save_waiting()
        fetched = await self._p.source.fetch()
        await self._take_over(fetched)
        if self._p.clock.now_ms() - self._metadata_at_ms >= self._p.limits.metadata_ms:
            await self._refresh_partitions()
        await self._telling.tell(self._readings, Standing(self._held, self._ahead, self._silent))
        self._waiting.add(fetched.records, fetched.positions)
        await self._save_waiting()
        self._skip_gaps()
        await self._publish_progress()
        await self._commit_behind()
        await self._watch_fuse()
        return 0 if fetched.records else IDLE_MS

    async def _go_back(self) -> None:
        """Start again at the committed offsets, once Redis answers; until then only keep the membership."""
        await self._take_over(await self._p.source.fetch())
        self._waiting.clear()
        await self._p.store.probe()
        known = await self._p.store.progress(self._p.name)
        positions = await self._p.source.rewind()
        self._readings = {p: Reading(offset, known.get(p, -1)) for p, offset in positions.items()}
        self._stale, self._interrupted_by = False, ""
        self._p.source.hold(self._held)
        self._p.journal.say("info", "ingest_went_back", source=self._p.name, partitions=len(positions))

    async def _take_over(self, fetched: Fetched) -> None:
        """Follow a rebalance. Nothing is flushed: what is saved is in Redis, the rest is read by the next owner."""
        if fetched.began:
            kind, value = fetched.began
            self._p.journal.say("info", "group_began", source=self._p.name, kind=kind, first=value)
        self._waiting.drop([*fetched.revoked, *fetched.assigned])
        for gone in fetched.revoked:
            self._readings.pop(gone, None)
            self._p.metrics.gauge("lag_records", 0, topic=gone.topic, partition=str(gone.partition))
        for partition, (committed, first) in fetched.gaps.items():
            self._p.metrics.count("offset_gap_records", first - committed, source=self._p.name)
            self._p.journal.say(
                "error",
                "offset_gap",
                topic=partition.topic,
                partition=partition.partition,
                committed=committed,
                first=first,
            )
        if fetched.assigned:
            for partition, position in fetched.assigned.items():
                self._readings[partition] = Reading(position, -1)
                self._p.fuse.begin(*partition)
            known = await self._p.store.progress(self._p.name)
            for partition in fetched.assigned:
                self._readings[partition].progress_ms = known.get(partition, -1)

    def _is_memory_due(self) -> bool:
        return self._p.clock.now_ms() - self._memory_at_ms >= MEMORY_CHECK_MS

    async def _watch_memory(self) -> None:
        self._memory_at_ms = self._p.clock.now_ms()
        share = await self._p.store.memory_share()
        self._p.metrics.gauge("redis_memory_share", share)
        full = share > FULL_SHARE
        if full != self._held:
            self._held = full
            self._p.source.hold(full)
            self._p.journal.say("warning" if full else "info", "redis_full" if full else "redis_has_room")
        self._p.metrics.gauge("ingest_held", float(full), source=self._p.name)
        await self._align(share)

    async def _align(self, share: float) -> None:
        """While Redis is filling up, partitions that are far ahead wait for the one that holds the watermark back."""
        progress = await self._p.store.progress(self._p.name) if share > ALIGN_SHARE else {}
        waiting = self._to_pause(share, progress)
        if waiting != self._ahead:
            self._ahead = waiting
            self._p.source.pause(self._ahead | self._blown)
            names = sorted(f"{p.topic}/{p.partition}" for p in waiting)
            cause = f"Redis is {share:.0%} full"
            self._p.journal.say("info", "partitions_aligned", source=self._p.name, partitions=names, cause=cause)
        self._p.metrics.gauge("partitions_paused", len(waiting), source=self._p.name)

    def _to_pause(self, share: float, progress: Mapping[TopicPartition, int]) -> frozenset[TopicPartition]:
        return ahead(share, progress, self._p.limits.gap_ms_min)

    async def _refresh_partitions(self) -> None:
        """Partitions that nobody reads yet hold the watermark back; deleted ones leave."""
        asked_at_ms = self._p.clock.now_ms()
        partitions = await self._p.source.partitions()
        await self._p.store.add_partitions(self._p.name, sorted(partitions))
        self._metadata_at_ms = asked_at_ms
        self._topics = frozenset(p.topic for p in partitions)
        self._p.fuse.reads(self._p.name, self._topics)
        self._telling.tell_fuse(self._topics)

    async def _watch_fuse(self) -> None:
        """What was read is saved by now. A blown topic waits until the process starts again, whatever Redis' memory
        does; the process ends when it has no other, and has committed what it has read."""
        fuse = self._p.fuse
        if not fuse.blown:
            return
        blown = frozenset(p for p in self._readings if p.topic in fuse.blown)
        if blown != self._blown:
            self._blown = blown
            self._p.source.pause(self._ahead | self._blown)
        if new := sorted((self._topics & fuse.blown.keys()) - self._told):
            self._told.update(new)
            for topic in new:
                cause = f"{fuse.blown[topic]}; see streamer dlq list and the exporter's encoding, then start again"
                self._p.journal.say("error", "fuse_blown", source=self._p.name, topic=topic, cause=cause)
            self._telling.tell_fuse(self._topics)
        if fuse.is_over(self._p.name, all(reading.is_committed for reading in self._readings.values())):
            said = ", ".join(map(str, fuse.blown.values()))
            raise FuseBlown(
                f"{said}, and no other topic is left: see streamer dlq list, mend the exporter's encoding, then start "
                "again"
            )

    async def _save_waiting(self) -> None:
        """Slice by slice, as long as Redis has room; the rest waits here."""
        while self._waiting and not self._held:
            await self._save(self._waiting.take(self._p.slice_bytes))
            if self._waiting or self._is_memory_due():
                await self._watch_memory()

    async def _save(self, by_partition: Mapping[TopicPartition, Sequence[Record]]) -> None:
        batch, letters = Batch(self._p.name), list[DeadLetter]()
        now_ms = self._p.clock.now_ms()
        if strays := by_partition.keys() - self._readings.keys():
            raise TransientError(f"records of {len(strays)} partitions that nobody had announced: reading them anew")
        for partition, records in by_partition.items():
            for record in records:
                cut = self._p.cutter.cut(record)
                self._p.fuse.look(record, cut)
                letters += self._aside.letters_of(record, cut)
                batch.add(cut, self._readings[partition].activity_of(record, now_ms))
        await self._set_aside(letters)
        await self._keep(batch)
        saved_at_ms = self._p.clock.now_ms()
        for partition, records in by_partition.items():
            self._readings[partition].save(records, saved_at_ms)

    async def _set_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Acknowledged before anything is committed."""
        await self._aside.put(letters)

    async def _keep(self, batch: Batch) -> None:
        await self._saving.save(batch)

    def _skip_gaps(self) -> None:
        now_ms = self._p.clock.now_ms()
        for partition, position in self._waiting.passed().items():
            if partition in self._readings:
                self._readings[partition].skip_to(position, now_ms)

    async def _publish_progress(self) -> None:
        """As soon as it moves: what was saved now may be all that Kafka held when it was asked last."""
        asked = self._p.clock.now_ms() - self._listed_at_ms >= self._p.limits.progress_ms
        if not self._readings:
            return
        if asked:
            await self._ask_ends()
        progress = {p: reading.advance(self._metadata_at_ms, self._p.limits) for p, reading in self._readings.items()}
        if asked or progress != self._published:
            self._published = progress
            await self._p.store.publish_progress(self._p.name, progress)

    async def _ask_ends(self) -> None:
        self._listed_at_ms = asked_at_ms = self._p.clock.now_ms()
        ends = await self._p.source.end_offsets(sorted(self._readings))
        self._silent = frozenset(self._readings.keys() - ends.keys())
        for partition, reading in self._readings.items():
            if partition in ends:
                reading.hear(asked_at_ms, ends[partition])
                lag = max(0, ends[partition] - reading.saved)
                self._p.metrics.gauge("lag_records", lag, topic=partition.topic, partition=str(partition.partition))

    async def _commit_behind(self) -> None:
        now_ms = self._p.clock.now_ms()
        ripe = {p: r.committable(now_ms, self._p.limits.commit_delay_ms) for p, r in self._readings.items()}
        offsets = {partition: offset for partition, offset in ripe.items() if offset is not None}
        if not offsets:
            return
        await self._p.store.probe()
        await self._p.source.commit(offsets)
        for partition, offset in offsets.items():
            self._readings[partition].commit(offset)
