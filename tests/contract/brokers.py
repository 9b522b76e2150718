"""Kafka as the contract of RecordSource and of the publishers meets it: simulated, librdkafka's mock, and real."""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import confluent_kafka as ck
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.core.wire.records import Record
from streamer.errors import TransientError
from streamer.ports import Fetched, RecordSource, TopicPartition
from tests.services.kafka import create_topics
from tests.simulation.services import TOPIC, Broker, Source
from tests.simulation.world import EPOCH_MS, Worker, World

T = TypeVar("T")
PARTITIONS = 3
WAIT_S = 60
"""librdkafka's mock ends each of the rounds of a rebalance only after the session timeout less a second."""
NOTHING = Fetched((), {}, frozenset(), {})


def unique() -> str:
    """A name that no other test takes."""
    return secrets.token_hex(4)


class Topic(Protocol):
    """One topic of three partitions and one group that reads it."""

    name: str

    def produce(self, partition: int, values: Sequence[bytes]) -> None: ...

    async def member(self, **settings: Any) -> RecordSource:
        """Another member of the group, not necessarily assigned anything yet."""

    async def close(self) -> None: ...


class SimulatedTopic:
    name = TOPIC

    def __init__(self) -> None:
        self.world = World(0)
        self.world.faults = False
        self.broker = Broker(self.world, PARTITIONS)

    def produce(self, partition: int, values: Sequence[bytes]) -> None:
        for value in values:
            self.broker.append(partition, EPOCH_MS, value, (), readable=True)
            self.broker.log[partition][-1].saved = True

    async def member(self, **settings: Any) -> RecordSource:
        worker = Worker(f"member-{len(self.broker.members)}", lambda _: None)
        self.broker.members.append(worker.name)
        self.broker.generation += 1
        share = len(self.broker.members)
        self.broker.owner = {q: self.broker.members[q % share] for q in range(PARTITIONS)}
        return AtOnce(Source(self.broker, worker))

    async def close(self) -> None:
        self.world.close()


class AtOnce:
    """A simulated member whose virtual pauses take no time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.hold, self.pause = source.hold, source.pause

    async def fetch(self) -> Fetched:
        return _settled(self._source.fetch())

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return _settled(self._source.end_offsets(partitions))

    async def partitions(self) -> frozenset[TopicPartition]:
        return _settled(self._source.partitions())

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        _settled(self._source.commit(offsets))

    async def rewind(self) -> Mapping[TopicPartition, int]:
        return _settled(self._source.rewind())


def _settled(work: Coroutine[Any, Any, T]) -> T:
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            answer: T = done.value
            return answer


class KafkaTopic:
    """On a broker that speaks Kafka's protocol. `name` must exist there already, or be made by `made`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap, self.name, self.group = bootstrap, name, f"contract-{unique()}"
        self._producer = ck.Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 2})
        self._members: list[KafkaSource] = []

    @classmethod
    def made(cls, bootstrap: str) -> "KafkaTopic":
        topic = cls(bootstrap, f"contract-{unique()}")
        create_topics(bootstrap, {topic.name: PARTITIONS})
        return topic

    def produce(self, partition: int, values: Sequence[bytes]) -> None:
        for value in values:
            self._producer.produce(self.name, value, partition=partition)
        assert self._producer.flush(10) == 0

    async def member(self, absent: Sequence[str] = (), **settings: Any) -> RecordSource:
        member = KafkaSource(
            SourceSettings(
                connection={"bootstrap.servers": self.bootstrap},
                group=self.group,
                topics=[self.name, *absent],
                extra={"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
                **settings,
            )
        )
        self._members.append(member)
        return member

    async def leave(self, member: RecordSource) -> None:
        gone = next(m for m in self._members if m is member)
        self._members.remove(gone)
        await gone.close()

    async def close(self) -> None:
        while self._members:
            await self._members.pop().close()

    def delete_before(self, partition: int, offset: int) -> None:
        """As retention does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.delete_records([ck.TopicPartition(self.name, partition, offset)]).values():
            future.result(10)

    def grow(self, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.create_partitions([NewPartitions(self.name, partitions)]).values():
            future.result(10)

    async def make_anew(self) -> None:
        """Deleted, and made again under its name before anybody's metadata are refreshed."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.delete_topics([self.name])[self.name].result(10)
        end = time.monotonic() + WAIT_S
        while True:
            try:
                admin.create_topics([NewTopic(self.name, PARTITIONS, 1)])[self.name].result(10)
                return
            except KafkaException:  # its old log is still being taken away
                assert time.monotonic() < end
                await asyncio.sleep(0.05)

    def produce_in_transaction(self, partition: int, values: Sequence[bytes]) -> None:
        producer = ck.Producer({"bootstrap.servers": self.bootstrap, "transactional.id": unique(), "log_level": 2})
        producer.init_transactions(20)
        producer.begin_transaction()
        for value in values:
            producer.produce(self.name, value, partition=partition)
        producer.commit_transaction(20)


class Reader:
    """What a member has told so far, and what it has not yet."""

    def __init__(self, member: RecordSource) -> None:
        self.member = member
        self.records: list[Record] = []
        self.assigned: dict[TopicPartition, int] = {}
        self.gaps: dict[TopicPartition, tuple[int, int]] = {}
        self.passed: dict[TopicPartition, int] = {}
        self.revoked: set[TopicPartition] = set()

    async def fetch(self) -> Fetched:
        try:
            fetched = await self.member.fetch()
        except TransientError:
            return NOTHING  # the loop tries again, too
        for gone in fetched.revoked:
            self.assigned.pop(gone, None)
        self.assigned |= fetched.assigned
        self.gaps |= fetched.gaps
        self.passed |= fetched.positions
        self.revoked |= fetched.revoked
        self.records += fetched.records
        return fetched

    async def until_assigned(self, count: int = PARTITIONS) -> "Reader":
        await until(lambda: len(self.assigned) == count, self)
        return self

    async def until_read(self, count: int) -> list[bytes | None]:
        await until(lambda: len(self.records) >= count, self)
        return [record.value for record in self.records]

    def offsets(self, partition: int) -> list[int]:
        return [record.offset for record in self.records if record.partition == partition]


async def until(holds: Any, *readers: Reader) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, f"not within {WAIT_S} s: {[(r.assigned, len(r.records)) for r in readers]}"
        await asyncio.gather(*(reader.fetch() for reader in readers))
