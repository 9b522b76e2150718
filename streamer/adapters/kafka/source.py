"""Records of one consumer group.

Rule: every call to librdkafka runs in the source's one thread, and reading starts only where it is known to: at the
committed offset, or at the first record of a partition that is newer than the group.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import confluent_kafka as ck
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamer.adapters.kafka.errors import translated
from streamer.core.wire.records import Record
from streamer.errors import PermanentError, TransientError
from streamer.ports import Fetched, TopicPartition

T = TypeVar("T")
_MOVED = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS, KafkaError._STATE}
)
"""A commit is refused so when the partition has moved: its new owner reads again, nothing is lost."""

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
    start: Literal["now", "beginning"] = "now"
    gap: Literal["stop", "skip"] = "stop"
    records_max: int = 1_000
    wait_ms: int = 100
    call_ms_max: int = 10_000
    extra: Mapping[str, Any] = field(default_factory=dict)


def _plain(partition: ck.TopicPartition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.partition)


def _record(message: ck.Message) -> Record:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    return Record(
        topic, partition, offset, message.timestamp()[1], message.value(), message.key(), message.headers() or ()
    )


class KafkaSource:
    """RecordSource. `close()` leaves the group."""

    def __init__(self, settings: SourceSettings) -> None:
        self._s = settings
        self._thread = ThreadPoolExecutor(1, "kafka-source")
        self._consumer = ck.Consumer(
            {
                "group.id": settings.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "topic.metadata.refresh.interval.ms": 10_000,
                # A killed worker's partitions move after this and hold the watermark back until then; librdkafka's
                # 45 s spares stateful consumers a move, and here nothing is lost by one.
                "session.timeout.ms": 10_000,
                "fetch.queue.backoff.ms": 20,
                "fetch.wait.max.ms": 100,
                **settings.connection,
                **settings.extra,
            }
        )
        self._admin = AdminClient(dict(settings.connection))
        self._timeout_s = settings.call_ms_max / 1_000
        self._subscribed = self._held = False
        self._positions: dict[TopicPartition, int] = {}
        self._unplaced: set[TopicPartition] = set()
        self._revoked: set[TopicPartition] = set()

    async def fetch(self) -> Fetched:
        """Raises PermanentError at an offset gap under the policy `stop`."""
        return await self._call(self._fetch, "fetch")

    def hold(self, held: bool) -> None:
        self._held = held

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return await self._call(lambda: self._ends(partitions), "list offsets")

    async def partitions(self) -> frozenset[TopicPartition]:
        return await self._call(self._list, "list partitions")

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._call(lambda: self._commit(offsets), "commit")

    async def rewind(self) -> Mapping[TopicPartition, int]:
        return await self._call(self._rewind, "rewind")

    async def close(self) -> None:
        await self._call(self._consumer.close, "close")
        self._thread.shutdown()

    async def _call(self, work: Callable[[], T], what: str) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except KafkaException as error:
            raise translated(error.args[0], f"{what} of {', '.join(self._s.topics)}") from error

    def _fetch(self) -> Fetched:
        if not self._subscribed:
            self._begin()
            self._consumer.subscribe(
                list(self._s.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            self._subscribed = True
        assigned, gaps = self._place()
        placed = [ck.TopicPartition(*p) for p in self._positions]
        if placed:
            (self._consumer.pause if self._held else self._consumer.resume)(placed)
        messages = self._consumer.consume(self._s.records_max, self._s.wait_ms / 1_000)
        records = [r for m in messages if (r := self._taken(m)) is not None]
        for record in records:
            self._positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
        revoked, self._revoked = frozenset(self._revoked), set()
        return Fetched(records, assigned, revoked, gaps, {})

    def _taken(self, message: ck.Message) -> Record | None:
        """None for what an unplaced or held partition still had in the queue: such a partition is read again."""
        error = message.error()
        if error is not None:
            if error.code() in _PERMANENT_READ:
                self._unplaced |= set(self._positions)
                raise translated(error, f"reading {message.topic()}")
            return None
        partition = TopicPartition(message.topic(), message.partition())
        if self._held and partition in self._positions:
            self._unplaced.add(partition)
        if partition in self._unplaced or partition not in self._positions:
            return None
        return _record(message)

    def _begin(self) -> None:
        """A group without any offset starts at its ends, committed for all partitions before the first record."""
        everything = sorted(self._list())
        if not everything:
            raise TransientError(f"no topic matches {', '.join(self._s.topics)}; create it or correct its name")
        known = self._committed(everything)
        if known:
            return
        first = self._ends(everything) if self._s.start == "now" else {p: self._low(p) for p in everything}
        if len(first) < len(everything):
            raise TransientError("not every partition told its end")
        self._commit(first)
        if not self._committed(everything):
            raise TransientError("the first offsets were not taken; another member may be starting")

    def _on_assign(self, _: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        """Paused until placed: asking for offsets may fail, and a rebalance cannot be repeated."""
        self._consumer.incremental_assign(partitions)
        if partitions:
            self._consumer.pause(partitions)
        self._unplaced |= {_plain(p) for p in partitions}

    def _on_revoke(self, _: ck.Consumer, partitions: list[ck.TopicPartition]) -> None:
        gone = {_plain(p) for p in partitions}
        self._unplaced -= gone
        self._revoked |= gone
        for partition in gone:
            self._positions.pop(partition, None)
        self._consumer.incremental_unassign(partitions)

    def _place(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, tuple[int, int]]]:
        wanted = sorted(self._unplaced)
        if not wanted:
            return {}, {}
        starts, gaps = self._starts(wanted)
        self._read_from(starts)
        self._unplaced.clear()
        return starts, gaps

    def _starts(
        self, wanted: Sequence[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, tuple[int, int]]]:
        known = self._committed(wanted)
        lows = {p: self._low(p) for p in wanted}
        gaps = {p: (known[p], lows[p]) for p in wanted if p in known and known[p] < lows[p]}
        if gaps and self._s.gap == "stop":
            (topic, number), (committed, first) = next(iter(gaps.items()))
            raise PermanentError(
                f"{topic}[{number}]: Kafka has deleted offsets {committed} to {first}; set gap = skip to go on"
            )
        return {p: max(known.get(p, 0), lows[p]) for p in wanted}, gaps

    def _read_from(self, starts: Mapping[TopicPartition, int]) -> None:
        """Assigned anew, because seek is refused until a fetcher runs."""
        placed = [ck.TopicPartition(*p, offset) for p, offset in starts.items()]
        if placed:
            self._consumer.incremental_unassign(placed)
            self._consumer.incremental_assign(placed)
            (self._consumer.pause if self._held else self._consumer.resume)(placed)
        self._positions.update(starts)

    def _rewind(self) -> dict[TopicPartition, int]:
        self._unplaced |= set(self._positions)
        starts, _ = self._place()
        return starts

    def _committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        answer = self._consumer.committed([ck.TopicPartition(*p) for p in partitions], self._timeout_s)
        for partition in answer:
            if partition.error is not None:
                raise KafkaException(partition.error)
        return {_plain(p): p.offset for p in answer if p.offset >= 0}

    def _low(self, partition: TopicPartition) -> int:
        found = self._consumer.get_watermark_offsets(ck.TopicPartition(*partition), self._timeout_s)
        if found is None:
            raise TransientError(f"{partition.topic}[{partition.partition}] did not tell its first offset in time")
        low: int = found[0]
        return low

    def _ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """One ListOffsets on a connection of its own: on the consumer's it would wait behind a fetch in progress."""
        asked = {ck.TopicPartition(*partition): OffsetSpec.latest() for partition in partitions}
        answers = self._admin.list_offsets(
            asked, isolation_level=ck.IsolationLevel.READ_COMMITTED, request_timeout=self._timeout_s
        )
        ends = {}
        for partition, answer in answers.items():
            try:
                ends[_plain(partition)] = answer.result(self._timeout_s).offset
            except (KafkaException, TimeoutError):
                continue  # left out: its progress is what saved timestamps prove
        return ends

    def _list(self) -> frozenset[TopicPartition]:
        topics = self._admin.list_topics(timeout=self._timeout_s).topics
        wanted = [n for n in topics if any(re.match(t, n) if t.startswith("^") else t == n for t in self._s.topics)]
        return frozenset(TopicPartition(name, p) for name in wanted for p in topics[name].partitions)

    def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            taken = self._consumer.commit(
                offsets=[ck.TopicPartition(*p, offset) for p, offset in offsets.items()], asynchronous=False
            )
        except KafkaException as error:
            if error.args[0].code() in _MOVED:
                return
            raise
        for partition in taken or ():
            if partition.error is not None and partition.error.code() not in _MOVED:
                raise KafkaException(partition.error)
