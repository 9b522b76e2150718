"""Feed and dead letters on librdkafka's mock cluster and on Apache Kafka."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import confluent_kafka as ck
import pytest

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.core.feed import FeedRecord
from streamer.core.tombstone import Tombstone
from streamer.core.wire.records import DeadLetter, Record
from streamer.embedded import stand_ins
from streamer.errors import ConfigurationError, TransientError
from tests.contract.brokers import unique
from tests.services.kafka import KafkaServer, create_topics

FEED = "contract-feed"
LARGE = 900_000
"""Bytes: below the brokers' 1 MB with its headers."""


@pytest.fixture(scope="module")
def mock_feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, address = stand_ins.kafka(tmp_path_factory.mktemp("mock"), {FEED: 4, "source.dlq": 1})
    yield address
    program.stop()


@pytest.fixture(params=["mock", pytest.param("real", marks=pytest.mark.real)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    if request.param == "mock":
        address: str = request.getfixturevalue("mock_feed")
        return address
    address = request.getfixturevalue("kafka")
    create_topics(address, {FEED: 4, "source.dlq": 1})
    return address


@pytest.fixture
async def publisher(bootstrap: str) -> AsyncIterator[KafkaPublisher]:
    made = KafkaPublisher({"bootstrap.servers": bootstrap}, FEED)
    yield made
    await made.close()


def on(bootstrap: str, topic: str) -> list[ck.Message]:
    """Everything on the topic."""
    consumer = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": unique()})
    found: list[ck.Message] = []
    try:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=10)
            consumer.assign([ck.TopicPartition(topic, partition, low)])
            while low < high:
                for message in consumer.consume(100, 0.5):
                    if message.error() is None:
                        found.append(message)
                        low = message.offset() + 1
    finally:
        consumer.close()
    return found


def record(value: bytes | None, offset: int = 7) -> Record:
    return Record("source", 2, offset, 1_700_000_000_000, value, b"key", [("content-type", b"x"), ("dlq.reason", b"y")])


async def test_a_dead_letter_is_the_whole_record_and_says_where_it_comes_from(
    publisher: KafkaPublisher, bootstrap: str
) -> None:
    value = unique().encode()
    await publisher.put([DeadLetter(record(value), "unreadable", "no OTLP")])
    (letter,) = [m for m in on(bootstrap, "source.dlq") if m.value() == value]
    assert letter.key() == b"key"
    headers = letter.headers()
    assert headers[:2] == [("content-type", b"x"), ("dlq.reason", b"y")]
    assert dict(headers[2:]) == {
        "dlq.reason": b"unreadable",
        "dlq.detail": b"no OTLP",
        "dlq.topic": b"source",
        "dlq.partition": b"2",
        "dlq.offset": b"7",
        "dlq.timestamp": b"1700000000000",
        "dlq.version": b"1",
    }


async def test_a_tombstone_and_a_large_record_are_dead_letters_like_any(
    publisher: KafkaPublisher, bootstrap: str
) -> None:
    known = len(on(bootstrap, "source.dlq"))
    empty, large = record(None), record(b"x" * LARGE)
    await publisher.put([DeadLetter(empty, "unreadable", "nothing"), DeadLetter(large, "too_large", "")])
    assert sorted(len(m.value() or b"") for m in on(bootstrap, "source.dlq")[known:]) == [0, LARGE]


async def test_one_series_stays_on_one_partition_and_every_record_names_its_event(
    publisher: KafkaPublisher, bootstrap: str
) -> None:
    name = unique()
    sent = [_verdict(name, series, n) for series in ("a", "b", "c") for n in range(3)]
    await publisher.publish(sent)
    found = [m for m in on(bootstrap, FEED) if m.key().startswith(name.encode())]
    assert {dict(m.headers())["ce_id"].decode() for m in found} == {r.value["event_id"] for r in sent}
    by_series: dict[str, set[int]] = {}
    for message in found:
        by_series.setdefault(json.loads(message.value())["series"], set()).add(message.partition())
    assert all(len(partitions) == 1 for partitions in by_series.values())
    assert len(by_series) == 3


@pytest.mark.real
async def test_a_missing_topic_is_a_setting_to_correct_and_a_broker_that_is_gone_is_waited_for(
    kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    publisher = KafkaPublisher({"bootstrap.servers": kafka}, unique())
    with pytest.raises(ConfigurationError, match="the topic does not exist; create it"):
        await publisher.publish([_verdict("x", "a", 1)])
    await publisher.close()
    server = KafkaServer(tmp_path_factory.mktemp("kafka-gone")).start()
    publisher = KafkaPublisher({"bootstrap.servers": server.bootstrap}, FEED, delivery_ms_max=2_000)
    try:
        create_topics(server.bootstrap, {FEED: 1})
        await _eventually(publisher, _verdict("x", "a", 1))
        server.stop()
        with pytest.raises(TransientError):
            await publisher.publish([_verdict("x", "a", 2)])
        server.start()
        await _eventually(publisher, _verdict("x", "a", 2))
    finally:
        await publisher.close()
        server.stop()


async def _eventually(publisher: KafkaPublisher, record: FeedRecord) -> None:
    """As the loops do: again and again."""
    for _ in range(30):
        try:
            return await publisher.publish([record])
        except TransientError:
            continue
    raise AssertionError("Kafka is back, and the publisher does not see it")


def _verdict(name: str, series: str, n: int) -> FeedRecord:
    value: dict[str, Any] = {"event_id": f"{name}-{series}-{n}", "series": series}
    return FeedRecord(kind="verdict", key=f"{name}|{n}", series=series, value=value)


async def test_what_is_buried_lies_where_it_was_told(publisher: KafkaPublisher, bootstrap: str) -> None:
    name = unique()
    told = _verdict(name, "some agent", 1)
    await publisher.publish([told])
    await publisher.bury([Tombstone(told.key, told.series)])
    found = [m for m in on(bootstrap, FEED) if m.key() == told.key.encode()]
    assert [m.value() is None for m in sorted(found, key=lambda m: m.offset())] == [False, True]
    assert len({m.partition() for m in found}) == 1
