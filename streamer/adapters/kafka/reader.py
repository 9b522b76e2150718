"""The last records of a topic and what follows, or all of them, without joining a group: for people who look."""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import confluent_kafka as ck
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.errors import translated
from streamer.adapters.kafka.heard import Heard
from streamer.adapters.kafka.messages import record_of
from streamer.core.reading import Start, offset_since
from streamer.core.wire.records import Record
from streamer.errors import TransientError

GROUP = "streamer-look"
"""Of people's commands. Nothing is ever committed for it."""
WAIT_S = 0.5
ANSWER_S = 4
"""Long enough for a far broker and its TLS."""
SILENT_S_MAX = 30
"""A broker that tells nothing for so long is not waited for."""


def read(connection: Mapping[str, Any], topic: str, last: int, follow: bool) -> Iterator[Record]:
    """The last `last` records of the topic by partition and offset; then new ones, if `follow`, until it is closed.

    Raises ConfigurationError where the topic does not exist or may not be read.
    """
    with _consumer(connection, topic) as consumer:
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


def following(
    connection: Mapping[str, Any], topic: str, since_ms: int | None = None
) -> Generator[list[Record], None, None]:
    """Records since a time, or from now on; then new ones as they come, for ever: nothing after WAIT_S without any.
    In order per partition. The first of all is empty, and says that nothing from then on will be missed.
    ConfigurationError as in `read`."""
    with _consumer(connection, topic) as consumer:
        ends = _ends(consumer, topic)
        first = (
            {p: high for p, (_, high) in ends.items()} if since_ms is None else _since(consumer, topic, ends, since_ms)
        )
        consumer.assign([ck.TopicPartition(topic, p, offset) for p, offset in first.items()])
        yield []
        while True:
            yield list(_poll(consumer, set()))


def topics(connection: Mapping[str, Any]) -> frozenset[str]:
    """Names of all that this client may see."""
    heard = Heard()
    admin = made(AdminClient, {**connection, "error_cb": heard})
    try:
        return frozenset(admin.list_topics(timeout=ANSWER_S).topics)
    except KafkaException as error:
        raise heard.reason(error, "list topics", admin) from error


def whole(connection: Mapping[str, Any], topic: str, since_ms: int | None = None) -> Iterator[Record]:
    """Every record that the topic holds now, or those since a time; in order per partition."""
    with _consumer(connection, topic) as consumer:
        spans = _ends(consumer, topic)
        if since_ms is not None:
            first = _since(consumer, topic, spans, since_ms)
            spans = {p: (first[p], high) for p, (_, high) in spans.items()}
        yield from _between(consumer, topic, spans)


def at(connection: Mapping[str, Any], topic: str, places: Iterable[tuple[int, int]]) -> Iterator[Record]:
    """The records at these partitions and offsets that the topic still holds."""
    wanted = frozenset(places)
    with _consumer(connection, topic) as consumer:
        spans = {}
        for partition, (low, high) in _ends(consumer, topic).items():
            offsets = [offset for p, offset in wanted if p == partition]
            if offsets:
                spans[partition] = (max(low, min(offsets)), min(high, max(offsets) + 1))
        for record in _between(consumer, topic, spans):
            if (record.partition, record.offset) in wanted:
                yield record


class Span(NamedTuple):
    """Of a partition: its first record that still exists, the one to begin with, and its end."""

    low: int
    first: int
    end: int


def spans(connection: Mapping[str, Any], topic: str, start: Start) -> dict[int, Span]:
    """By partition, as a group would begin there that has never read. ConfigurationError as in `read`."""
    with _consumer(connection, topic) as consumer:
        ends, since = _ends(consumer, topic), {"beginning": 0, "offset": start.value}
        if start.kind == "time":
            first = _since(consumer, topic, ends, start.value)
        else:
            first = {p: since.get(start.kind, high) for p, (_, high) in ends.items()}
        return {p: Span(low, min(max(first[p], low), high), high) for p, (low, high) in ends.items()}


def between(connection: Mapping[str, Any], topic: str, places: Mapping[int, tuple[int, int]]) -> Iterator[Record]:
    """By partition, the records from the first to before the second offset; in order per partition."""
    with _consumer(connection, topic) as consumer:
        yield from _between(consumer, topic, places)


def members(connection: Mapping[str, Any], group: str) -> int:
    """How many consumers are in a group; 0 if there is none of that name."""
    admin = made(AdminClient, connection)
    try:
        said = admin.describe_consumer_groups([group], request_timeout=10)[group].result(11)
    except KafkaException as error:
        if error.args[0].code() == ck.KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise translated(error.args[0], f"describe group {group}") from error
    except TimeoutError:
        raise TransientError(f"Kafka did not describe group {group} in time") from None
    return len(said.members)


@contextmanager
def _consumer(connection: Mapping[str, Any], topic: str) -> Iterator[ck.Consumer]:
    heard = Heard()
    own = {"group.id": GROUP, "enable.auto.commit": False, "enable.partition.eof": True, "error_cb": heard}
    consumer = made(ck.Consumer, {**connection, **own})
    try:
        yield consumer
    except KafkaException as error:
        raise heard.reason(error, f"read {topic}", consumer) from error
    finally:
        consumer.close()


def _between(consumer: ck.Consumer, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[Record]:
    """From the first to before the second offset of each partition."""
    ends = {partition: end for partition, (first, end) in spans.items() if first < end}
    if not ends:
        return
    consumer.assign([ck.TopicPartition(topic, partition, spans[partition][0]) for partition in ends])
    left, heard_s = set(ends), time.monotonic()
    while left:
        before = len(left)
        for record in _poll(consumer, left):
            heard_s = time.monotonic()
            if record.offset < ends[record.partition]:
                yield record
            if record.offset + 1 >= ends[record.partition]:
                left.discard(record.partition)
        if len(left) < before:
            heard_s = time.monotonic()
        if time.monotonic() - heard_s > SILENT_S_MAX:
            raise TransientError(f"{topic} has told nothing for {SILENT_S_MAX} s")


def _ends(consumer: ck.Consumer, topic: str) -> dict[int, tuple[int, int]]:
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error is not None:
        raise translated(found.error, f"topic {topic}")
    ends = {p: consumer.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=10) for p in found.partitions}
    if None in ends.values():
        raise TransientError(f"{topic} did not tell its offsets in time")
    return ends


def _since(consumer: ck.Consumer, topic: str, ends: Mapping[int, tuple[int, int]], since_ms: int) -> dict[int, int]:
    """By partition, the first offset that is not older; the end where no record is so young. See offset_since."""

    def at(ms: int) -> dict[int, int]:
        asked = [ck.TopicPartition(topic, p, ms) for p in ends]
        return {p.partition: p.offset for p in consumer.offsets_for_times(asked, timeout=10)}

    found, ever = at(max(0, since_ms)), at(0)
    return {p: offset_since(found[p], ever[p], low, high) for p, (low, high) in ends.items()}


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
