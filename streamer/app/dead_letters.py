"""`streamer dlq`: what dead-letter topics hold, and letters put back on their topics.

Rule: looking joins no group and commits nothing. A record goes back before its letter is marked as replayed: a crash
between the two puts it there twice, never not at all, and what is saved twice is saved once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.app.people import cut_rules_of
from streamer.core.dead_letters import SUFFIX, mark_of, replay_of
from streamer.core.letterbox import Joining, Letterbox, Listed, Tally, fate_of
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError
from streamer.settings import Settings

BATCH_RECORDS, BATCH_BYTES = 100, 4 * 1024 * 1024
"""Put back before they are marked: what a crash repeats at most."""
PARTS_MS = 60_000
"""Parts of one letter are written within this time."""


class Wanted(NamedTuple):
    """Which letters somebody asks for."""

    topic: str | None = None
    """The original's topic."""
    reason: str | None = None
    since_ms: int | None = None
    """When the letter was written."""


class Held(NamedTuple):
    letters: list[Listed]
    """The oldest first, replayed ones included."""
    foreign: int
    """Records on dead-letter topics that are none."""
    topics: list[str]
    """The dead-letter topics that exist."""


def held(settings: Settings, wanted: Wanted) -> Held:
    box, topics = Letterbox(), _topics(settings, wanted.topic)
    since_ms = None if wanted.since_ms is None else wanted.since_ms - PARTS_MS
    for topic in topics:
        for record in kafka_reader.whole(settings.kafka.connection(), topic, since_ms):
            box.add(record)
    letters = [
        listed
        for listed in box.letters()
        if wanted.reason in (None, listed.reason) and listed.written_ms >= (wanted.since_ms or 0)
    ]
    return Held(letters, box.foreign, topics)


def _topics(settings: Settings, topic: str | None) -> list[str]:
    """Of what the sources read, or of one topic, as far as they exist: the first letter needs its topic, not before."""
    there = kafka_reader.topics(settings.kafka.connection())
    if topic is not None:
        name = topic.removesuffix(SUFFIX)
        if not any(source.reads(name) for source in settings.sources):
            known = ", ".join(name for source in settings.sources for name in source.topics)
            raise ConfigurationError(f"--topic {topic}: no source reads it; known are {known}")
        return sorted({name + SUFFIX} & there)
    letters = [name for name in there if name.endswith(SUFFIX)]
    return sorted(
        name for name in letters if any(source.reads(name.removesuffix(SUFFIX)) for source in settings.sources)
    )


def letter_at(settings: Settings, where: str) -> Listed:
    """By the original's TOPIC/PARTITION/OFFSET, or by that of the letter (or of a part) on its own topic."""
    topic, _, place = where.partition("/")
    numbers = place.split("/")
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        raise ConfigurationError(f"{where} is no place; write TOPIC/PARTITION/OFFSET, as streamer dlq list prints it")
    at = (int(numbers[0]), int(numbers[1]))
    for listed in reversed(held(settings, Wanted(topic)).letters):
        origin = (listed.origin.partition, listed.origin.offset)
        if at in (listed.places if topic.endswith(SUFFIX) else [origin]):
            return listed
    raise StreamerError(f"no dead letter of {where} is there (any more): streamer dlq list has those that are")


def originals(settings: Settings, letters: Sequence[Listed]) -> Iterator[tuple[Listed, Record]]:
    """The letters that are whole, with the record that each was."""
    by_topic: defaultdict[str, list[Listed]] = defaultdict(list)
    for listed in letters:
        if not listed.missing:
            by_topic[listed.topic].append(listed)
    for topic, mine in by_topic.items():
        joining = Joining(mine)
        places = [place for listed in mine for place in listed.places]
        for record in kafka_reader.at(settings.kafka.connection(), topic, places):
            if (found := joining.add(record)) is not None:
                yield found


class Replay(NamedTuple):
    """What is to be done with letters."""

    write: bool
    """Else it is only said what would be done."""
    every: bool = False
    """Also those that do not decode now."""
    limit: int | None = None
    """Of records that are put back, or would be: letters that stay must not stand in the way of later ones."""


def replay(settings: Settings, letters: Sequence[Listed], how: Replay, on_letter: Callable[[], None]) -> Tally:
    """Looks at each letter again and puts back those that decode now. `on_letter` is told of each that is done with."""
    return asyncio.run(_replay(settings, letters, how, on_letter))


async def _replay(settings: Settings, letters: Sequence[Listed], how: Replay, on_letter: Callable[[], None]) -> Tally:
    tally = Tally(already=sum(listed.replayed for listed in letters))
    fresh = [listed for listed in letters if not listed.replayed]
    for listed in fresh:
        if listed.refusal:
            tally.refused[listed.refusal] += 1
            on_letter()
    cutters: dict[str, Cutter] = {}
    batch = _Batch(KafkaPublisher(settings.kafka.connection(), settings.feed.topic), tally, how.write)
    try:
        for listed, original in originals(settings, [listed for listed in fresh if not listed.refusal]):
            topic = original.topic
            if topic not in cutters:
                cutters[topic] = Cutter(cut_rules_of(settings, topic))
            fate = fate_of(cutters[topic].cut(original))
            tally.add(fate)
            if how.every or fate.kind == "decodes":
                await batch.add(listed, original)
            on_letter()
            if tally.wanted == how.limit:
                break
        await batch.flush()
    except TransientError as error:
        raise TransientError(f"{error}; {tally.replayed} were put back before, run it again to go on") from error
    finally:
        await batch.publisher.close()
    return tally


@dataclass
class _Batch:
    publisher: KafkaPublisher
    tally: Tally
    write: bool
    bytes: int = 0
    waiting: list[tuple[Listed, Record]] = field(default_factory=list)

    async def add(self, listed: Listed, original: Record) -> None:
        self.tally.wanted += 1
        if not self.write:
            return
        self.waiting.append((listed, replay_of(original)))
        self.bytes += len(original.value or b"")
        if len(self.waiting) >= BATCH_RECORDS or self.bytes >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        waiting, self.waiting, self.bytes = self.waiting, [], 0
        if not waiting:
            return
        try:
            await self.publisher.append([record for _, record in waiting])
            done = waiting
        except PermanentError:
            done = [one for one in waiting if await self._goes_alone(one[1])]
        await self.publisher.append([mark_of(listed.origin) for listed, _ in done])
        self.tally.replayed += len(done)

    async def _goes_alone(self, record: Record) -> bool:
        """Some of a refused batch may be there already; a record that is there twice is saved once."""
        try:
            await self.publisher.append([record])
        except PermanentError:
            self.tally.refused["its topic refuses it: raise the topic's max.message.bytes"] += 1
            return False
        return True
