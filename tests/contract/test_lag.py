"""How far a group is behind, and how long topics keep records: on the mock cluster and on Apache Kafka."""

from collections.abc import Iterator

import confluent_kafka as ck
import pytest

from streamer.adapters.kafka.lag import lag, retention_ms
from streamer.embedded import stand_ins
from streamer.errors import TransientError
from tests.contract.brokers import unique
from tests.services.kafka import create_topics

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def mock_topic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, address = stand_ins.kafka(tmp_path_factory.mktemp("mock"), {"behind": 2})
    yield address
    program.stop()


@pytest.fixture(params=["mock", pytest.param("real", marks=pytest.mark.real)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    if request.param == "mock":
        address: str = request.getfixturevalue("mock_topic")
        return address
    address = request.getfixturevalue("kafka")
    create_topics(address, {"behind": 2})
    return address


def produce(bootstrap: str, partition: int, count: int) -> None:
    producer = ck.Producer({"bootstrap.servers": bootstrap})
    for _ in range(count):
        producer.produce("behind", b"x", partition=partition)
    assert producer.flush(10) == 0


def test_what_a_group_has_not_committed_is_behind(bootstrap: str) -> None:
    group, connection = unique(), {"bootstrap.servers": bootstrap}
    partitions = [("behind", 0), ("behind", 1)]
    before = lag(connection, group, partitions)
    produce(bootstrap, 0, 3)
    produce(bootstrap, 1, 2)
    assert lag(connection, group, partitions) == before + 5
    consumer = ck.Consumer({**connection, "group.id": group})
    _, high = consumer.get_watermark_offsets(ck.TopicPartition("behind", 0), timeout=10)
    consumer.commit(offsets=[ck.TopicPartition("behind", 0, high - 1)], asynchronous=False)
    consumer.close()
    assert lag(connection, group, [("behind", 0)]) == 1


def test_a_broker_that_is_not_there_is_said() -> None:
    with pytest.raises(TransientError):
        lag({"bootstrap.servers": "127.0.0.1:1"}, "g", [("behind", 0)])


@pytest.mark.real
def test_how_long_a_topic_keeps_its_records(kafka: str) -> None:
    create_topics(kafka, {"behind": 2})
    assert retention_ms({"bootstrap.servers": kafka}, ["behind"]) == {"behind": 7 * DAY_MS}
    assert retention_ms({"bootstrap.servers": kafka}, ["not there"]) == {}
