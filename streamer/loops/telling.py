"""For people: what an ingest worker does with each of its partitions, told every two seconds.

Rule: nothing is decided by it; whoever is not heard for ten seconds is taken for gone (core/holding.py).
"""

from collections.abc import Iterable, Set
from typing import NamedTuple

from streamer.core.fuse import Fuse
from streamer.core.holding import Doing
from streamer.ports import Clock, Metrics, SessionStore, TopicPartition

EVERY_MS = 2_000


class Standing(NamedTuple):
    """Of the partitions that a worker has: those that wait, and why."""

    held: bool
    ahead: Set[TopicPartition]
    silent: Set[TopicPartition]
    """Kafka did not say where they end when it was asked last."""


class Telling:
    """Of one source."""

    def __init__(self, source: str, store: SessionStore, fuse: Fuse, clock: Clock, metrics: Metrics) -> None:
        self._source, self._store, self._fuse = source, store, fuse
        self._clock, self._metrics = clock, metrics
        self._told_at_ms = -EVERY_MS

    async def tell(self, partitions: Iterable[TopicPartition], standing: Standing) -> None:
        now_ms = self._clock.now_ms()
        if now_ms - self._told_at_ms < EVERY_MS:
            return
        if doing := {partition: self._doing(partition, standing) for partition in partitions}:
            await self._store.tell_doing(self._source, doing)
        self._told_at_ms = now_ms

    def tell_fuse(self, topics: Iterable[str]) -> None:
        for topic in sorted(topics):
            self._metrics.gauge("fuse_blown", float(topic in self._fuse.blown), source=self._source, topic=topic)
        self._told_at_ms = -EVERY_MS

    def _doing(self, partition: TopicPartition, standing: Standing) -> Doing:
        if partition.topic in self._fuse.blown:
            return "fuse"
        if standing.held:
            return "redis_full"
        if partition in standing.ahead:
            return "aligned"
        return "no_answer" if partition in standing.silent else "reads"
