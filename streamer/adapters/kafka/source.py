"""Records of one consumer group.

Rule: every call to librdkafka runs in the source's one thread, and reading starts only where it is known to: at the
committed offset, or at the first record of a partition that is newer than the group.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import confluent_kafka as ck
from confluent_kafka import KafkaError, KafkaException

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.commits import Commits
from streamer.adapters.kafka.errors import translated
from streamer.adapters.kafka.heard import Heard
from streamer.adapters.kafka.messages import record_of
from streamer.adapters.kafka.offsets import Committed, Offsets, plain
from streamer.core.reading import NOW, Start
from streamer.core.wire.records import Record
from streamer.errors import PermanentError, TransientError
from streamer.ports import Fetched, TopicPartition

T = TypeVar("T")
_PERMANENT_READ = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """`connection` is passed to librdkafka as it is: bootstrap.servers and security."""

    connection: Mapping[str, Any]
    group: str
    topics: Sequence[str]
    """Names, or one `^regex`."""
    start: Start = NOW
    gap: Literal["stop", "skip"] = "stop"
    records_max: int = 1_000
    wait_ms: int = 100
    call_ms_max: int = 5_000
    """No call waits longer for a broker that hangs: `/livez` and a stop depend on it."""
    lasting: bool = True
    """False: the group is of no use to anybody once it is empty, and goes with its last member."""
    extra: Mapping[str, Any] = field(default_factory=dict)


class KafkaSource:
    """RecordSource. `close()` leaves the group."""

    def __init__(self, settings: SourceSettings) -> None:
        self._s = settings
        self._thread = ThreadPoolExecutor(1, "kafka-source")
        self._commits, self._heard = Commits(settings.call_ms_max / 1_000), Heard()
        self._consumer = made(
            ck.Consumer,
            {
                # A killed worker's partitions move after this and hold the watermark back until then; librdkafka's
                # 45 s spares stateful consumers a move, and here nothing is lost by one.
                "session.timeout.ms": 10_000,
                "topic.metadata.refresh.interval.ms": 10_000,
                "fetch.queue.backoff.ms": 20,
                "fetch.wait.max.ms": 100,
                "error_cb": self._heard,
                **settings.connection,
                **settings.extra,
                # What the laws rest on is not for anybody to set.
                "group.id": settings.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "on_commit": self._commits.answered,
            },
        )
        connection = {"error_cb": self._heard, **settings.connection}
        self._offsets = Offsets(self._consumer, connection, settings.topics, settings.call_ms_max / 1_000)
        self._subscribed = self._held = False
        self._positions: dict[TopicPartition, int] = {}
        self._topic_ids: dict[TopicPartition, str] = {}
        self._unplaced: set[TopicPartition] = set()
        self._paused: frozenset[TopicPartition] = frozenset()
        self._revoked: set[TopicPartition] = set()
        self._gaps: dict[TopicPartition, tuple[int, int]] = {}
        self._began: Start | None = None

    async def fetch(self) -> Fetched:
        """Raises PermanentError at an offset gap under the policy `stop`."""
        return await self._call(self._fetch, "fetch")

    def hold(self, held: bool) -> None:
        self._held = held

    def pause(self, partitions: frozenset[TopicPartition]) -> None:
        self._paused = partitions

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return await self._call(lambda: self._offsets.ends(partitions), "list offsets")

    async def partitions(self) -> frozenset[TopicPartition]:
        return await self._call(self._partitions, "list partitions")

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._call(lambda: self._commit(offsets), "commit")

    async def rewind(self) -> Mapping[TopicPartition, int]:
        return await self._call(self._rewind, "rewind")

    async def close(self) -> None:
        """While Kafka hangs and owes the answer to a commit this does not return: wait no longer than you mean to."""
        await self._call(self._consumer.close, "close")
        if not self._s.lasting:
            await self._call(lambda: self._offsets.forget(self._s.group), "forgetting the group")
        self._thread.shutdown()

    async def _call(self, work: Callable[[], T], what: str) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except KafkaException as error:
            raise self._heard.reason(error, f"{what} of {', '.join(self._s.topics)}", self._offsets) from error

    def _fetch(self) -> Fetched:
        if not self._subscribed:
            self._begin()
            self._consumer.subscribe(
                list(self._s.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            self._subscribed = True
        self._commit({p: n for p, n in self._commits.refused_offsets().items() if p not in self._unplaced})
        assigned = self._place()
        self._pause_and_resume()
        messages = self._consumer.consume(self._s.records_max, self._s.wait_ms / 1_000)
        records = [r for m in messages if (r := self._taken(m)) is not None]
        passed = self._passed(records)
        revoked, self._revoked = frozenset(self._revoked), set()
        gaps, self._gaps = self._gaps, {}
        assigned = {p: offset for p, offset in assigned.items() if p not in revoked}  # taken away again meanwhile
        began, self._began = self._began, None
        return Fetched(records, assigned, revoked, gaps, passed, began)

    def _pause_and_resume(self) -> None:
        """librdkafka drops what a paused partition has in its queue and goes on there when it is resumed."""
        waiting = {p for p in self._positions if self._held or p in self._paused}
        for change, partitions in (
            (self._consumer.pause, waiting),
            (self._consumer.resume, self._positions.keys() - waiting),
        ):
            if partitions:
                change([ck.TopicPartition(*p) for p in partitions])

    def _taken(self, message: ck.Message) -> Record | None:
        """None for what an unplaced or held partition still had in the queue: such a partition is read again."""
        error = message.error()
        if error is not None:
            if error.code() in _PERMANENT_READ:
                self._unplaced |= set(self._positions)
                raise translated(error, f"reading {message.topic()}")
            if error.code() == KafkaError._AUTO_OFFSET_RESET:  # retention has overtaken this reader
                self._unplaced |= {TopicPartition(message.topic(), message.partition())} & set(self._positions)
            return None
        partition = TopicPartition(message.topic(), message.partition())
        if self._held and partition in self._positions:
            self._unplaced.add(partition)
        if partition in self._unplaced or partition not in self._positions:
            return None
        return record_of(message)

    def _begin(self) -> None:
        """A group without any offset gets one for every partition before the first record: a crash loses nothing."""
        everything = sorted(self._offsets.partitions())
        there = {partition.topic for partition in everything}
        absent = [t for t in self._s.topics if not t.startswith("^") and t not in there]
        if absent or not everything:
            raise TransientError(
                f"no topic matches {', '.join(absent or self._s.topics)}; create it or correct its name"
            )
        if self._offsets.committed(everything):
            return
        ids = self._offsets.ids(there)
        starts = self._offsets.starts(everything, self._s.start)
        self._commits.ask(self._consumer, starts, {p: ids.get(p.topic, "") for p in everything})
        self._commits.settle(self._consumer)
        if not self._offsets.committed(everything):
            raise TransientError("the first offsets were not taken; another member may be starting")
        self._began = self._s.start

    def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Kafka takes a commit of any partition from any member of the group, also of one that has moved away."""
        mine = {partition: offset for partition, offset in offsets.items() if partition in self._positions}
        if mine:
            self._commits.ask(self._consumer, mine, self._topic_ids)

    def _on_assign(self, _: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        """Paused until placed: asking for offsets may fail, and a rebalance cannot be repeated."""
        self._consumer.incremental_assign(partitions)
        if partitions:
            self._consumer.pause(partitions)
        self._unplaced |= {plain(p) for p in partitions}

    def _on_revoke(self, _: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        gone = {plain(p) for p in partitions}
        self._unplaced -= gone
        self._revoked |= gone
        for partition in gone:
            self._positions.pop(partition, None)
        self._consumer.incremental_unassign(partitions)

    def _partitions(self) -> frozenset[TopicPartition]:
        """A topic that was made anew under its reader counts from 0 again: where its new log is longer than what was
        read of the old one, Kafka's answers to a fetch do not show it."""
        found = self._offsets.partitions()
        ids = self._offsets.ids({partition.topic for partition in self._positions})
        for partition in self._positions:
            was = self._topic_ids.get(partition, "")
            if was and was != ids.get(partition.topic, was):
                self._unplaced.add(partition)
        return found

    def _place(self) -> dict[TopicPartition, int]:
        wanted = sorted(self._unplaced)
        if not wanted:
            return {}
        starts = self._starts(wanted)
        self._read_from(starts)
        self._unplaced.clear()
        return starts

    def _starts(self, wanted: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The committed offsets; a partition that is newer than the group is read from its beginning."""
        ids = self._offsets.ids({partition.topic for partition in wanted})  # first: a change after it is seen later
        known, lows = self._offsets.committed(wanted), self._offsets.lows(wanted)
        ends = self._offsets.ends(wanted)
        starts = {}
        for partition in wanted:
            low = lows[partition]
            committed, was = known.get(partition, Committed(low, ""))
            was = was or self._topic_ids.get(partition, "")
            topic_id = ids.get(partition.topic, was)
            if was and topic_id != was:
                self._gap(partition, low, low, "the topic was made anew, and what was not read of the old one is gone")
                committed = low
            elif committed < low:
                self._gap(partition, committed, low, f"Kafka has deleted offsets {committed} to {low}")
            elif committed > ends.get(partition, committed):
                said = f"offset {committed} is committed and the log ends at {ends[partition]}: the topic was made anew"
                self._gap(partition, low, low, said)
                committed = low
            starts[partition] = max(committed, low)
            self._topic_ids[partition] = topic_id
        return starts

    def _gap(self, partition: TopicPartition, committed: int, first: int, what: str) -> None:
        if self._s.gap == "stop":
            where = f"{partition.topic}[{partition.partition}]"
            raise PermanentError(f'{where}: {what}; set offset_gap = "skip" to read on at {first}')
        self._gaps[partition] = (committed, first)

    def _read_from(self, starts: Mapping[TopicPartition, int]) -> None:
        """Assigned anew, because seek is refused until a fetcher runs."""
        placed = [ck.TopicPartition(*p, offset) for p, offset in starts.items()]
        if placed:
            self._consumer.incremental_unassign(placed)
            self._consumer.incremental_assign(placed)
            (self._consumer.pause if self._held else self._consumer.resume)(placed)
        self._positions.update(starts)
        self._revoked -= starts.keys()

    def _rewind(self) -> dict[TopicPartition, int]:
        self._unplaced |= set(self._positions)
        self._commits.settle(self._consumer)
        self._commits.refused_offsets()  # Redis may have lost what they stood for
        return self._place()

    def _passed(self, records: Sequence[Record]) -> dict[TopicPartition, int]:
        """Where reading goes on, of partitions in which it has passed more than records: transaction markers, offsets
        that compaction has removed."""
        for record in records:
            self._positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
        if self._held or not self._positions:
            return {}
        told = self._consumer.position([ck.TopicPartition(*p) for p in self._positions])
        passed = {plain(p): p.offset for p in told if p.offset > self._positions.get(plain(p), p.offset)}
        self._positions.update(passed)
        return passed
