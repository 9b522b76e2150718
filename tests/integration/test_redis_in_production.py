"""Ingest on a Redis that fails over to a replica which had been cut off."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest

from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.lifecycle import Limits
from streamer.core.reading import BEGINNING
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import DeadLetter
from streamer.core.wire.rules import CutRules
from streamer.errors import TransientError
from streamer.loops.ingest import Ingest, IngestParts
from tests.builders import otlp_record, span
from tests.contract.brokers import unique
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.bench import SOURCE
from tests.services.kafka import create_topics
from tests.services.redis_sentinel import Watched

pytestmark = [pytest.mark.slow, pytest.mark.real]
WAIT_S = 120


class Journal(SilentJournal):
    def __init__(self) -> None:
        self.events: list[str] = []

    def say(self, level: Any, event: str, **fields: object) -> None:
        self.events.append(event)


class NoLetters:
    async def put(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError(letters)


class Topic:
    """One partition, one reader."""

    def __init__(self, bootstrap: str) -> None:
        self.name, self._connection = f"production-{unique()}", {"bootstrap.servers": bootstrap}
        create_topics(bootstrap, {self.name: 1, f"{self.name}.dlq": 1})
        self._producer, self._rng = ck.Producer(self._connection), random.Random(1)

    def say(self, numbers: range, first_ms: int, apart_ms: int = 0, noise_bytes: int = 0) -> None:
        """One turn each, of a session of its own, with what no judge reads beside it."""
        for n in numbers:
            at_ns = (first_ms + n * apart_ms) * 10**6
            said: dict[str, Any] = {
                "input__value": f"Question {n}?",
                "output__value": "Yes.",
                "noise": self._rng.randbytes(noise_bytes // 2).hex(),
            }
            said |= {"openinference__span__kind": "AGENT", "session__id": f"chat-{n}"}
            turn = span(f"{n + 1:032x}", f"{n + 1:016x}", start_ns=at_ns, end_ns=at_ns + 5, **said)
            self._producer.produce(self.name, otlp_record(turn).value, partition=0, timestamp=at_ns // 10**6)
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def ingest(
        self, redis: RedisConnection, limits: Limits, journal: Journal, records_max: int = 1_000
    ) -> tuple[Ingest, KafkaSource]:
        source = KafkaSource(
            SourceSettings(
                connection=self._connection,
                group=self.name,
                topics=[self.name],
                start=BEGINNING,
                records_max=records_max,
            )
        )
        parts = IngestParts(
            name=SOURCE,
            source=source,
            store=redis.handle(),
            dead_letters=NoLetters(),
            cutter=Cutter(CutRules()),
            fuse=Fuse(FuseLimits(), [SOURCE]),
            limits=limits,
            clock=SystemClock(),
            metrics=SilentMetrics(),
            journal=journal,
        )
        return Ingest(parts), source


async def work(step: Callable[[], Awaitable[int]], holds: Callable[[], Awaitable[bool]], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not await holds():
        assert time.monotonic() < end, f"{what}: not within {WAIT_S} s"
        await asyncio.sleep(await step() / 1_000)


async def sessions_in(redis: RedisConnection) -> int:
    try:
        return (await RedisReader(redis.shared).counts(0)).sessions
    except TransientError:
        return -1


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    try:
        yield made.start()
    finally:
        made.stop()


async def test_what_a_replica_that_was_cut_off_had_missed_is_read_again(kafka: str, watched: Watched) -> None:
    limits, journal, topic = Limits(commit_delay_ms=60_000), Journal(), Topic(kafka)
    redis = await open_redis(watched.url, limits, turn_codec)
    ingest, source = topic.ingest(redis, limits, journal)
    now_ms = SystemClock().now_ms()
    topic.say(range(50), now_ms)
    await work(ingest.step, lambda: has(redis, 50), "the first sessions")
    watched.follows()
    watched.cut_link()
    topic.say(range(50, 200), now_ms)
    await work(ingest.step, lambda: has(redis, 200), "what the replica does not hear of")
    with watched.replica.client() as client:
        assert len(list(client.scan_iter("*:t:*", count=1_000))) <= 50
    watched.primary.kill()
    watched.promoted()
    await work(ingest.step, lambda: has(redis, 200), "everything, on the replica")
    with watched.replica.client() as client:
        assert len(list(client.scan_iter("*:t:*", count=1_000))) == 200
    assert "ingest_went_back" in journal.events
    await source.close()
    await redis.close()


async def has(redis: RedisConnection, sessions: int) -> bool:
    return await sessions_in(redis) == sessions
