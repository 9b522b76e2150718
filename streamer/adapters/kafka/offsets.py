"""What the brokers say of a source's partitions: which there are, where they begin and end, what is committed.

Rule: ends and metadata are asked on a connection of their own: on the consumer's they would wait behind a fetch in
progress (1.5 s, measured), and the watermark with them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

import confluent_kafka as ck
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamer.adapters.kafka.clients import made
from streamer.core.dead_letters import SUFFIX
from streamer.core.reading import Start, offset_since
from streamer.errors import ConfigurationError, TransientError
from streamer.ports import TopicPartition


def plain(partition: ck.TopicPartition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.partition)


class Committed(NamedTuple):
    """`topic_id`: of the topic that the offset was read of; "" where the commit does not say."""

    offset: int
    topic_id: str


NO_ID = str(ck.Uuid(0, 0))
"""Of a broker that gives its topics none."""


class Offsets:
    """All calls block; they are made in the source's one thread."""

    def __init__(
        self, consumer: ck.Consumer, connection: Mapping[str, Any], topics: Sequence[str], timeout_s: float
    ) -> None:
        self._consumer, self._topics, self._timeout_s = consumer, topics, timeout_s
        self._admin = made(AdminClient, connection)

    def poll(self, timeout_s: float) -> None:
        """What the client of its own was told is handed on."""
        self._admin.poll(timeout_s)

    def partitions(self) -> frozenset[TopicPartition]:
        """Of every topic that matches, by fresh metadata. TransientError while one of them cannot be told: left out, it
        would no longer hold the watermark back."""
        topics = self._admin.list_topics(timeout=self._timeout_s).topics
        wanted = [n for n in topics if any(re.match(t, n) if t.startswith("^") else t == n for t in self._topics)]
        for name in wanted:
            if topics[name].error is not None:
                raise TransientError(f"{name}: {topics[name].error.name()}")
            if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in wanted:
                raise ConfigurationError(
                    f"[[sources]] topics also match their dead letters, {name}: end the regex with $"
                )
        return frozenset(TopicPartition(name, p) for name in wanted for p in topics[name].partitions)

    def ids(self, topics: Collection[str]) -> dict[str, str]:
        """A topic that is made anew under its name has another one. Topics whose id nobody tells are left out; all of
        them where the controller is none of the brokers (librdkafka's mock): a description would wait for it."""
        if not topics:
            return {}
        cluster = self._admin.list_topics(min(topics), timeout=self._timeout_s)
        if cluster.controller_id not in cluster.brokers:
            return {}
        asked = self._admin.describe_topics(ck.TopicCollection(sorted(topics)), request_timeout=self._timeout_s)
        found = {}
        for name, answer in asked.items():
            with suppress(KafkaException, TimeoutError):
                found[name] = str(answer.result(self._timeout_s).topic_id)
        return {name: said for name, said in found.items() if said != NO_ID}

    def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Partitions that did not answer are left out: their progress is what saved timestamps prove."""
        return self._listed(dict.fromkeys(partitions, OffsetSpec.latest()))

    def lows(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that still exists. TransientError unless every partition answers."""
        return self._all(dict.fromkeys(partitions, OffsetSpec.earliest()))

    def starts(self, partitions: Sequence[TopicPartition], start: Start) -> dict[TopicPartition, int]:
        """Where a group without offsets begins. TransientError unless every partition answers."""
        ends = self._all(dict.fromkeys(partitions, OffsetSpec.latest()))
        if start.kind == "now":
            return ends
        lows = self.lows(partitions)
        if start.kind == "time":
            at = [OffsetSpec.for_timestamp(ms) for ms in (start.value, 0)]
            since, ever = (self._all(dict.fromkeys(partitions, spec)) for spec in at)
            return {p: offset_since(since[p], ever[p], lows[p], ends[p]) for p in partitions}
        wanted = 0 if start.kind == "beginning" else start.value
        return {p: min(max(wanted, low), ends[p]) for p, low in lows.items()}

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        answer = self._consumer.committed([ck.TopicPartition(*p) for p in partitions], self._timeout_s)
        for partition in answer:
            if partition.error is not None:
                raise KafkaException(partition.error)
        return {plain(p): Committed(p.offset, p.metadata or "") for p in answer if p.offset >= 0}

    def forget(self, group: str) -> None:
        """Remove the group and what it committed. While another member is in it, it stays."""
        for removed in self._admin.delete_consumer_groups([group], request_timeout=self._timeout_s).values():
            with suppress(KafkaException, TimeoutError):
                removed.result(self._timeout_s)

    def _all(self, asked: Mapping[TopicPartition, OffsetSpec]) -> dict[TopicPartition, int]:
        found = self._listed(asked)
        if len(found) < len(asked):
            self.partitions()  # a partition that is too new for the client's metadata answers the next time
            topic, number = next(partition for partition in asked if partition not in found)
            raise TransientError(f"{topic}[{number}] did not tell its offsets in time")
        return found

    def _listed(self, asked: Mapping[TopicPartition, OffsetSpec]) -> dict[TopicPartition, int]:
        """One ListOffsets call, in the consumer's isolation level."""
        if not asked:
            return {}
        answers: Mapping[ck.TopicPartition, Future[Any]] = self._admin.list_offsets(
            {ck.TopicPartition(*partition): spec for partition, spec in asked.items()},
            isolation_level=ck.IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout_s,
        )
        found = {}
        for partition, answer in answers.items():
            try:
                found[plain(partition)] = int(answer.result(self._timeout_s).offset)
            except (KafkaException, TimeoutError):
                continue
        return found
