"""`streamer monitor rebuild`: series, windows and detectors made again from the feed, up to where the monitor had read.

Rule: it raises nobody. What it finds is a backlog: episodes that are over are not told, and what is still open is told
once the monitor runs again and has nothing left to read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from streamer.adapters.kafka import lag
from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.adapters.system_clock import SystemClock
from streamer.app.alerting import policy_of
from streamer.core.reading import Start
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import ConfigurationError
from streamer.loops.folding import RECORDS_MAX, Folding
from streamer.settings import Settings

Tell = Callable[[int, int], None]
"""Records done, and of how many."""


class Plan(NamedTuple):
    """By partition, from which offset to before which; `deleted` earlier records are no longer on the topic."""

    topic: str
    places: Mapping[int, tuple[int, int]]
    deleted: int

    @property
    def records(self) -> int:
        return sum(end - first for first, end in self.places.values())


def planned(settings: Settings, start: Start) -> Plan:
    """ConfigurationError while a monitor runs, or where none has ever read."""
    connection, topic, group = settings.kafka.connection(), settings.feed.topic, settings.kafka.monitor_group
    if running := kafka_reader.members(connection, group):
        raise ConfigurationError(f"{running} monitors are running: stop them first, `streamer run` is one, too")
    spans = kafka_reader.spans(connection, topic, start)
    read = lag.committed(connection, group, topic, spans)
    if not read:
        raise ConfigurationError(f"no monitor has read {topic} yet: start one, it begins at the topic's beginning")
    places = {p: (span.first, max(span.first, read.get(p, span.first))) for p, span in spans.items()}
    return Plan(topic, places, sum(span.low for span in spans.values()))


class Letters:
    """What could not be read is a dead letter already."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        return None


class Unsaid:
    def count(self, name: str, by: float = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...

    def observe(self, name: str, value: float, **labels: str) -> None: ...

    def say(self, level: str, event: str, **fields: object) -> None: ...


async def rebuild(redis: RedisConnection, settings: Settings, plan: Plan, tell: Tell) -> int:
    """Empties what is kept of series and folds the feed again; how many records."""
    store = RedisSeries(redis.shared)
    await store.clear()
    folding = Folding(policy_of(settings), store, Letters(), SystemClock(), Unsaid(), Unsaid(), is_backlog=True)
    done = 0
    for batch in _batches(kafka_reader.between(settings.kafka.connection(), plan.topic, plan.places)):
        await folding.fold(batch)
        done += len(batch)
        tell(done, plan.records)
    return done


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, RECORDS_MAX)):
        yield batch
