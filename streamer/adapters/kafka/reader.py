"""The last records of a topic, and what follows, without joining a group: for people who look."""

from collections.abc import Iterator, Mapping
from typing import Any

import confluent_kafka as ck
from confluent_kafka import KafkaException
from confluent_kafka.admin import AclOperation, AdminClient

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.errors import translated
from streamer.adapters.kafka.messages import record_of
from streamer.core.wire.records import Record
from streamer.errors import TransientError

WAIT_S = 0.5


def read(connection: Mapping[str, Any], topic: str, last: int, follow: bool) -> Iterator[Record]:
    """The last `last` records of the topic by partition and offset; then new ones, if `follow`, until it is closed.

    Raises ConfigurationError where the topic does not exist or may not be read.
    """
    own = {"group.id": "streamer-look", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = made(ck.Consumer, {**connection, **own})
    try:
        ends = _ends(consumer, topic)
        first = {p: max(low, high - last) for p, (low, high) in ends.items()}
        consumer.assign([ck.TopicPartition(topic, p, offset) for p, offset in first.items()])
        left = {p for p, (_, high) in ends.items() if first[p] < high}
        earlier: list[Record] = []
        while left:
            earlier += _poll(consumer, left)
        yield from sorted(earlier, key=lambda record: record.timestamp_ms)[-last:] if last else ()
        while follow:
            yield from _poll(consumer, left)
    except KafkaException as error:
        raise translated(error.args[0], f"read {topic}") from error
    finally:
        consumer.close()


def may_write(connection: Mapping[str, Any], topic: str) -> bool | None:
    """Whether this client may write to the topic; None if the broker does not say."""
    admin = made(AdminClient, connection)
    try:
        asked = admin.describe_topics(
            ck.TopicCollection([topic]), include_authorized_operations=True, request_timeout=10
        )
        said = asked[topic].result(11).authorized_operations
    except (KafkaException, TimeoutError):
        return None
    return AclOperation.WRITE in said if said else None


def _ends(consumer: ck.Consumer, topic: str) -> dict[int, tuple[int, int]]:
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error is not None:
        raise translated(found.error, f"topic {topic}")
    ends = {p: consumer.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=10) for p in found.partitions}
    if None in ends.values():
        raise TransientError(f"{topic} did not tell its offsets in time")
    return ends


def _poll(consumer: ck.Consumer, left: set[int]) -> Iterator[Record]:
    """The next records. A partition whose end is reached leaves `left`: its last offset may be none of a record
    (transaction markers, compaction)."""
    for message in consumer.consume(500, WAIT_S):
        error = message.error()
        if error is not None:
            if error.code() != ck.KafkaError._PARTITION_EOF:
                raise translated(error, "read")
            left.discard(message.partition())
            continue
        yield record_of(message)
