"""Commits: asked for now, answered while records are fetched.

Rule: librdkafka's synchronous commit is not used. While a broker hangs it does not return, and confluent-kafka holds
Python's lock meanwhile, so that nothing in the process moves, not even the page that says so (measured on 2.16: more
than four minutes).
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence

import confluent_kafka as ck
from confluent_kafka import KafkaError, KafkaException

from streamer.errors import TransientError
from streamer.ports import TopicPartition

_MOVED = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS, KafkaError._STATE}
)
"""A commit is refused so while partitions move. The new owner of one that has moved reads again; for one that has
stayed the commit is to be repeated: on a quiet partition no later one would come."""
POLL_S = 0.05


class Commits:
    """`answered` belongs into the consumer's configuration as `on_commit`."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._asked_at_s: deque[float] = deque()
        self._refused: KafkaError | None = None
        self._moved: dict[TopicPartition, int] = {}

    def answered(self, error: KafkaError | None, partitions: Sequence[ck.TopicPartition]) -> None:
        if self._asked_at_s:
            self._asked_at_s.popleft()
        for p in partitions:
            said = error or p.error
            if said is not None and said.code() in _MOVED:
                self._moved[TopicPartition(p.topic, p.partition)] = p.offset
        refused = [e for e in (error, *(p.error for p in partitions)) if e is not None and e.code() not in _MOVED]
        self._refused = refused[0] if refused else self._refused

    def ask(
        self, consumer: ck.Consumer, offsets: Mapping[TopicPartition, int], topic_ids: Mapping[TopicPartition, str]
    ) -> None:
        """Each offset goes with the id of the topic that it is of, where that is known. Raises what was said against an
        earlier commit; TransientError while one has waited too long."""
        self._raise_refused()
        if self._asked_at_s and time.monotonic() - self._asked_at_s[0] > self._timeout_s:
            raise TransientError(f"Kafka has not answered a commit for {self._timeout_s:.0f} s")
        asked = [ck.TopicPartition(*p, offset, topic_ids.get(p, "")) for p, offset in offsets.items()]
        consumer.commit(offsets=asked, asynchronous=True)
        self._asked_at_s.append(time.monotonic())

    def refused_offsets(self) -> dict[TopicPartition, int]:
        """What was not taken because partitions were moving, once; whoever still has the partition repeats it."""
        moved, self._moved = self._moved, {}
        return moved

    def settle(self, consumer: ck.Consumer) -> None:
        """Wait for the answers, for so long. Records that come meanwhile are lost to the caller, who reads again."""
        end_s = time.monotonic() + self._timeout_s
        while self._asked_at_s and time.monotonic() < end_s:
            consumer.poll(POLL_S)
        self._asked_at_s.clear()
        self._raise_refused()

    def _raise_refused(self) -> None:
        error, self._refused = self._refused, None
        if error is not None:
            raise KafkaException(error)
