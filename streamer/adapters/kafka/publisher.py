"""Feed records and dead letters onto Kafka.

Rule: a call returns when Kafka has acknowledged everything it was given (acks=all, idempotent producer).
"""

import asyncio
import json
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import confluent_kafka as ck
from confluent_kafka import KafkaException

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.errors import translated
from streamer.adapters.kafka.heard import Heard
from streamer.core.dead_letters import SUFFIX, headers_of
from streamer.core.feed import SCHEMA_VERSION, FeedRecord
from streamer.core.tombstone import Tombstone
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import StreamerError, TransientError

DELIVERY_MS_MAX = 15_000
"""Longer than a leader election; the loop tries again by itself."""
HEADROOM_BYTES = 64 * 1024
"""A dead letter is the record and its headers: it must fit where the record did."""


class KafkaPublisher:
    """FeedPublisher and DeadLetters."""

    def __init__(
        self,
        connection: Mapping[str, Any],
        feed_topic: str,
        record_bytes_max: int = 16 * 1024 * 1024,
        delivery_ms_max: int = DELIVERY_MS_MAX,
    ) -> None:
        self._feed_topic, self._delivery_ms_max = feed_topic, delivery_ms_max
        self._thread = ThreadPoolExecutor(1, "kafka-publisher")
        self._asking = ThreadPoolExecutor(1, "kafka-publisher-asks")
        self._partitions, self._closed, self._heard = 0, False, Heard()
        self._producer = made(
            ck.Producer,
            {
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 2,
                "delivery.timeout.ms": delivery_ms_max,
                "message.max.bytes": record_bytes_max + HEADROOM_BYTES,
                "error_cb": self._heard,
                **connection,
            },
        )

    async def publish(self, records: Sequence[FeedRecord]) -> None:
        """One series stays on one partition, so that one monitor worker reads it whole."""
        await self._call(lambda: self._send([self._of_feed(record) for record in records]))

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        """Records without a value, where the series of what they bury is. Repeatable."""
        await self._call(
            lambda: self._send(
                [
                    (self._feed_topic, self._partition_of(stone.series), stone.key.encode(), None, [])
                    for stone in tombstones
                ]
            )
        )

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        await self._call(lambda: self._send([_of_letter(letter) for letter in letters]))

    async def append(self, records: Sequence[Record]) -> None:
        """To the topics that they name, on the partition that their key gives. Repeating it appends them again."""
        await self._call(lambda: self._send([(r.topic, -1, r.key, r.value, list(r.headers)) for r in records]))

    async def ready(self) -> None:
        """TransientError unless a broker answers. Not behind what waits to be acknowledged: librdkafka's handles may be
        used by several threads."""
        await self._call(lambda: self._producer.list_topics(timeout=3), self._asking)

    async def partitions(self) -> int:
        """Of the feed. ConfigurationError if there is no such topic; where the broker makes topics, this makes it."""
        return int(await self._call(self._count_partitions, self._asking))

    async def close(self) -> None:
        """At once: nobody waits for what Kafka has not acknowledged by now, and whoever does is told that it failed.
        A record that was not acknowledged is made again: feed records by the session's next claim, dead letters by
        reading again."""
        self._closed = True
        self._producer.purge()
        with suppress(StreamerError):  # a producer that was refused for good refuses this too
            await self._call(lambda: self._producer.flush(0))
        self._thread.shutdown(wait=False)
        self._asking.shutdown(wait=False)

    def _partition_of(self, series: str) -> int:
        self._partitions = self._partitions or self._count_partitions()
        return zlib.crc32(series.encode()) % self._partitions

    def _count_partitions(self) -> int:
        topic = self._producer.list_topics(self._feed_topic, timeout=5).topics[self._feed_topic]
        if topic.error is not None:
            raise translated(topic.error, f"topic {self._feed_topic}")
        return len(topic.partitions)

    def _of_feed(self, record: FeedRecord) -> tuple[Any, ...]:
        headers = [
            ("content-type", b"application/json"),
            ("ce_id", str(record.value["event_id"]).encode()),
            ("streamer.schema", str(SCHEMA_VERSION).encode()),
        ]
        partition = self._partition_of(record.series)
        value = json.dumps(record.value, ensure_ascii=False, separators=(",", ":")).encode()
        return self._feed_topic, partition, record.key.encode(), value, headers

    def _send(self, messages: Sequence[tuple[Any, ...]]) -> None:
        if self._closed:
            raise TransientError("the process is stopping", maybe_done=False)
        failed: list[StreamerError] = []

        def delivered(error: ck.KafkaError | None, _: object) -> None:
            if error is not None:
                failed.append(translated(error, "produce"))

        for topic, partition, key, value, headers in messages:
            self._producer.produce(topic, value, key, partition, on_delivery=delivered, headers=headers)
        left = self._producer.flush(self._delivery_ms_max / 1000 + 1)
        if failed:
            raise failed[0]
        if left:
            raise TransientError("Kafka did not acknowledge in time")

    async def _call(self, work: Any, thread: ThreadPoolExecutor | None = None) -> Any:  # noqa: ANN401
        try:
            return await asyncio.get_running_loop().run_in_executor(thread or self._thread, work)
        except KafkaException as error:
            raise self._heard.reason(error, "produce", self._producer) from error
        except BufferError as error:
            raise TransientError("the producer's queue is full", maybe_done=False) from error


def _of_letter(letter: DeadLetter) -> tuple[Any, ...]:
    record = letter.record
    headers = [*record.headers, *headers_of(letter)]
    return f"{record.topic}{SUFFIX}", -1, record.key, record.value, headers
