"""Faust on a real Kafka: what it cannot read is set aside, what it cannot keep it does not acknowledge."""

import asyncio
import gc
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from streamer.adapters.kafka.lag import committed
from streamer.core.wire.records import Record
from streamer.monitor.app import METADATA_MS, FaustReader
from streamer.monitor.credentials import translated
from tests.services.kafka import create_topics
from tests.services.kafka_secured import SecuredKafka

pytestmark = pytest.mark.real


class Folder:
    """Keeps what it is given, and waits or fails when it is told to."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def fold(self, records: Sequence[Record]) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.values += [record.value for record in records]


@asynccontextmanager
async def reading(
    bootstrap: str,
    group: str,
    topic: str,
    folder: Folder,
    options: Mapping[str, str] | None = None,
    metadata_ms: int = METADATA_MS,
) -> AsyncIterator[FaustReader]:
    reader = FaustReader(bootstrap, translated(options or {}), group, topic, 2, folder.fold, metadata_ms)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def until(look: Callable[[], bool], within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while not look():
            await asyncio.sleep(0.05)


def produce(bootstrap: str, topic: str, numbers: range, partitions: int = 2) -> None:
    producer = ck.Producer({"bootstrap.servers": bootstrap, "compression.type": "zstd"})
    for n in numbers:
        producer.produce(topic, json.dumps(n).encode(), b"k", n % partitions)
    producer.flush()


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"feed-{secrets.token_hex(3)}"
    create_topics(kafka, {name: 2})
    return name


async def test_what_is_not_kept_is_not_acknowledged(kafka: str, topic: str) -> None:
    connection, group = {"bootstrap.servers": kafka}, f"{topic}-group"
    await asyncio.to_thread(produce, kafka, topic, range(40))
    failing = Folder()
    async with reading(kafka, group, topic, failing) as reader:
        await until(lambda: bool(reader.folded) or bool(failing.values))
        await until(lambda: len(failing.values) == 40)
        failing.error = RuntimeError("a bug")
        await asyncio.to_thread(produce, kafka, topic, range(40, 60, 2))
        await until(lambda: reader.failure is not None)
        gc.collect()  # what Faust does when its iterator is left, it does now
        await asyncio.to_thread(produce, kafka, topic, range(41, 61, 2))  # on the other partition
        await asyncio.sleep(3)  # two commits later
        offsets = await asyncio.to_thread(committed, connection, group, topic, [0, 1])
        assert sum(offsets.values()) <= 40


async def test_a_stop_does_not_wait_for_what_waits_for_redis_and_that_comes_again(kafka: str, topic: str) -> None:
    waiting, group = Folder(), f"{topic}-group"
    waiting.gate.clear()
    await asyncio.to_thread(produce, kafka, topic, range(40))
    async with reading(kafka, group, topic, waiting) as reader:
        await until(lambda: reader.is_folding)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 8
    assert waiting.values == []
    folder = Folder()
    async with reading(kafka, group, topic, folder):
        await until(lambda: len(folder.values) >= 40)
    assert {json.loads(value or b"") for value in folder.values} == set(range(40))


@pytest.mark.slow
async def test_scram_over_tls(secured_kafka: SecuredKafka) -> None:
    topic, group = f"feed-{secrets.token_hex(3)}", f"g-{secrets.token_hex(3)}"
    create_topics(secured_kafka.server.bootstrap, {topic: 2})
    user = f"monitor-{secrets.token_hex(3)}"
    connection = secured_kafka.add_user(user, [("Read", "topic", topic), ("Read", "group", group)])
    await asyncio.to_thread(produce, secured_kafka.server.bootstrap, topic, range(20))
    folder = Folder()
    bootstrap = connection.pop("bootstrap.servers")
    async with reading(bootstrap, group, topic, folder, connection):
        await until(lambda: len(folder.values) == 20)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_partition_that_was_added_to_the_feed_is_read_from_its_beginning(
    kafka: str, topic: str, workers: int
) -> None:
    connection, group, folder = {"bootstrap.servers": kafka}, f"{topic}-group", Folder()
    await asyncio.to_thread(produce, kafka, topic, range(40))
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(reading(kafka, group, topic, folder, metadata_ms=2_000))
            for _ in range(workers)
        ]
        await until(lambda: len(folder.values) >= 40 and all(reader.partitions for reader in readers))
        await asyncio.to_thread(add_partitions, kafka, topic, 4)
        await asyncio.to_thread(produce, kafka, topic, range(40, 80), 4)
        await until(lambda: {json.loads(value or b"") for value in folder.values} == set(range(80)), 60)
        assert frozenset().union(*(reader.partitions for reader in readers)) == {0, 1, 2, 3}
        await asyncio.sleep(3)  # two commits later
    assert sum((await asyncio.to_thread(committed, connection, group, topic, range(4))).values()) == 80


def add_partitions(bootstrap: str, topic: str, to: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for asked in admin.create_partitions([NewPartitions(topic, to)]).values():
        asked.result(10)
