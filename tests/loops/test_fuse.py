"""Ingest on topics that nobody can read: which are paused, what is said, and when the process ends."""

from collections.abc import Mapping, Sequence

import pytest

from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.lifecycle import Limits
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import DeadLetter, Record
from streamer.core.wire.rules import CutRules
from streamer.errors import FuseBlown, TransientError
from streamer.loops.ingest import Ingest, IngestParts
from streamer.ports import Fetched, TopicPartition
from tests.builders import otlp_record, span
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.session_store import FakeRedis, FakeSessionStore

NOW_MS = 1_700_000_000_000
BATCH = 4


class Topics:
    """RecordSource on one partition each; `garbage` topics hold nothing readable."""

    def __init__(self, records: int, garbage: Sequence[str], good: Sequence[str] = ()) -> None:
        self.log = {
            TopicPartition(topic, 0): [self._record(topic, n, topic in garbage) for n in range(records)]
            for topic in [*garbage, *good]
        }
        self.at = dict.fromkeys(self.log, 0)
        self.committed = dict.fromkeys(self.log, 0)
        self.new = dict(self.at)
        self.paused: frozenset[TopicPartition] = frozenset()

    def _record(self, topic: str, offset: int, bad: bool) -> Record:
        value = b"garbage" if bad else otlp_record(span(f"{offset + 1:032x}", "01" * 8, session__id="s")).value
        return Record(topic, 0, offset, NOW_MS, value)

    async def fetch(self) -> Fetched:
        assigned, self.new = self.new, {}
        records: list[Record] = []
        for partition in self.log.keys() - self.paused:
            records += self.log[partition][self.at[partition] :][:BATCH]
            self.at[partition] = min(self.at[partition] + BATCH, len(self.log[partition]))
        return Fetched(records, assigned, frozenset(), {})

    def hold(self, held: bool) -> None: ...

    def pause(self, partitions: frozenset[TopicPartition]) -> None:
        self.paused = partitions

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {partition: len(self.log[partition]) for partition in partitions}

    async def partitions(self) -> frozenset[TopicPartition]:
        return frozenset(self.log)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.committed.update(offsets)

    async def rewind(self) -> Mapping[TopicPartition, int]:
        self.at = dict(self.committed)
        return self.at


class Letters:
    def __init__(self) -> None:
        self.offsets: dict[str, set[int]] = {}
        self.failing = 0

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        if self.failing:
            self.failing -= 1
            raise TransientError("Kafka is away")
        for letter in letters:
            self.offsets.setdefault(letter.record.topic, set()).add(letter.record.offset)


class Journal(SilentJournal):
    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def say(self, level: object, event: str, **fields: object) -> None:
        if event.startswith("fuse"):
            self.said.append((event, fields["topic"]))


class Bench:
    """Ingest of one source or more in one process."""

    def __init__(self, *sources: Topics) -> None:
        self.now, self.letters, self.journal = NOW_MS, Letters(), Journal()
        limits, names = Limits(gap_ms_min=60_000), [f"source{n}" for n in range(len(sources))]
        fuse = Fuse(FuseLimits(share=0.5, records_min=6, window_records=10), names)
        self.redis = FakeRedis(self.now_ms, limits)
        self.store = FakeSessionStore(self.redis)
        self.loops = [
            Ingest(
                IngestParts(
                    name=name,
                    source=source,
                    store=self.store,
                    dead_letters=self.letters,
                    cutter=Cutter(CutRules()),
                    fuse=fuse,
                    limits=limits,
                    clock=self,
                    metrics=SilentMetrics(),
                    journal=self.journal,
                )
            )
            for name, source in zip(names, sources, strict=True)
        ]

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms

    async def steps(self, count: int) -> None:
        for _ in range(count):
            for loop in self.loops:
                await loop.step()
            self.now += 500


async def test_a_topic_of_garbage_is_paused_and_its_neighbour_read_on() -> None:
    source = Topics(40, garbage=["bad"], good=["good"])
    bench = Bench(source)
    await bench.steps(40)
    bad, good = TopicPartition("bad", 0), TopicPartition("good", 0)
    assert source.paused == {bad}
    assert bench.letters.offsets == {"bad": set(range(source.at[bad]))}
    assert source.committed == {bad: source.at[bad], good: 40}
    assert source.at[bad] < 40
    assert bench.journal.said == [("fuse_blown", "bad")]
    told = await bench.store.told("source0")
    assert {p.topic for p, one in told.items() if one.doing == "fuse"} == {"bad"}


async def test_redis_that_empties_itself_does_not_resume_a_blown_topic() -> None:
    source = Topics(40, garbage=["bad"], good=["good"])
    bench = Bench(source)
    await bench.steps(4)
    assert source.paused
    for share in (0.7, 0.1, 0.9, 0.1):
        bench.redis.memory_share = share
        await bench.steps(6)
        assert TopicPartition("bad", 0) in source.paused
    assert source.at[TopicPartition("good", 0)] == 40


async def test_the_process_ends_when_no_topic_is_left_and_what_was_read_is_committed() -> None:
    source = Topics(40, garbage=["bad"])
    bench = Bench(source)
    with pytest.raises(FuseBlown, match=r"in 6 of the last 6 records of bad, and no other topic is left"):
        await bench.steps(60)
    partition = TopicPartition("bad", 0)
    assert source.committed[partition] == source.at[partition] == 8
    assert bench.letters.offsets == {"bad": set(range(8))}


async def test_other_sources_of_the_process_keep_it_alive() -> None:
    bad, good = Topics(40, garbage=["bad"]), Topics(40, garbage=[], good=["good"])
    bench = Bench(bad, good)
    await bench.steps(60)
    assert good.committed[TopicPartition("good", 0)] == 40


async def test_what_was_read_when_kafka_failed_is_set_aside_before_the_topic_is_paused() -> None:
    source = Topics(40, garbage=["bad"], good=["good"])
    bench = Bench(source)
    await bench.steps(1)
    bench.letters.failing = 3
    await bench.steps(40)
    bad = TopicPartition("bad", 0)
    assert bench.letters.offsets == {"bad": set(range(source.at[bad]))}
    assert source.committed[bad] == source.at[bad] > 0


async def test_a_restart_reads_on_where_the_fuse_blew() -> None:
    source = Topics(40, garbage=["bad"])
    for run in range(1, 4):
        source.new, source.paused = dict(source.committed), frozenset()
        with pytest.raises(FuseBlown):
            await Bench(source).steps(60)
        assert source.committed[TopicPartition("bad", 0)] == 8 * run
