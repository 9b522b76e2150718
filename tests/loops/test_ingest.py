"""Ingest on a broker that says what a test wants to hear."""

import json
from collections.abc import Callable, Mapping, Sequence

from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.ids import Scope
from streamer.core.lifecycle import Limits
from streamer.core.session import SessionRef
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import TransientError
from streamer.loops.ingest import Ingest, IngestParts
from streamer.loops.waiting import SLICE_BYTES
from streamer.ports import Fetched, TopicPartition
from tests.builders import fixture_record
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.session_store import FakeRedis, FakeSessionStore

NOW_MS = 1_700_000_000_000
PARTITION = TopicPartition("spans", 0)


class Source:
    """One partition; hands out `batches`, then nothing. `end` is what ListOffsets says."""

    def __init__(self, *batches: Sequence[Record], end: int = 0, positions: Mapping[TopicPartition, int] = {}) -> None:
        self.batches = list(batches)
        self.end, self.positions, self.committed = end, positions, 0
        self.assigned: Mapping[TopicPartition, int] = {PARTITION: 0}
        self.down = False

    async def fetch(self) -> Fetched:
        if self.down:
            raise TransientError("broker gone")
        assigned, self.assigned = self.assigned, {}
        records = self.batches.pop(0) if self.batches else ()
        return Fetched(records, assigned, frozenset(), {}, {} if self.batches else self.positions)

    def hold(self, held: bool) -> None: ...

    def pause(self, partitions: frozenset[TopicPartition]) -> None: ...

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {PARTITION: self.end}

    async def partitions(self) -> frozenset[TopicPartition]:
        return frozenset({PARTITION})

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.committed = offsets[PARTITION]

    async def rewind(self) -> Mapping[TopicPartition, int]:
        return {PARTITION: self.committed}


class LetterTopic:
    """DeadLetters that takes everything."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.after: Callable[[], object] = lambda: None

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters
        self.after()


class Journal(SilentJournal):
    def __init__(self) -> None:
        self.events: list[str] = []

    def say(self, level: object, event: str, **fields: object) -> None:
        self.events.append(event)


class Bench:
    def __init__(self, source: Source, slice_bytes: int = SLICE_BYTES) -> None:
        self.now = NOW_MS
        limits = Limits(gap_ms_min=60_000)
        self.store = FakeSessionStore(FakeRedis(self.now_ms, limits))
        self.journal, self.topic = Journal(), LetterTopic()
        self.ingest = Ingest(
            IngestParts(
                name="default",
                source=source,
                store=self.store,
                dead_letters=self.topic,
                cutter=Cutter(CutRules()),
                fuse=Fuse(FuseLimits(), ["default"]),
                limits=limits,
                clock=self,
                metrics=SilentMetrics(),
                journal=self.journal,
                slice_bytes=slice_bytes,
            )
        )

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms

    async def steps(self, count: int, every_ms: int = 500) -> None:
        for _ in range(count):
            await self.ingest.step()
            self.now += every_ms


def garbage(offset: int, size: int = 10) -> Record:
    return Record("spans", 0, offset, NOW_MS, b"\xff" * size)


async def test_records_of_a_partition_that_nobody_announced_are_read_anew_and_never_dropped() -> None:
    source = Source([garbage(0)], end=1)
    source.assigned = {}
    bench = Bench(source)
    await bench.steps(1)
    assert bench.topic.letters == []
    source.batches = [[], [garbage(0)]]
    await bench.steps(2)  # goes back, and is told the partition's position by that
    assert len(bench.topic.letters) == 1
    assert source.committed == 0


async def test_transaction_markers_do_not_hold_the_watermark_back() -> None:
    source = Source([garbage(0)], end=3, positions={PARTITION: 3})
    bench = Bench(source)
    await bench.steps(5)
    assert (await bench.store.progress("default"))[PARTITION] >= NOW_MS
    await bench.steps(15)
    assert source.committed == 3


async def test_the_watermark_moves_as_soon_as_what_kafka_held_is_saved() -> None:
    """Not when Kafka is asked the next time."""
    bench = Bench(Source([], [garbage(0)], end=1))
    await bench.steps(1, every_ms=50)
    assert (await bench.store.progress("default"))[PARTITION] == -1
    await bench.steps(1, every_ms=50)
    assert (await bench.store.progress("default"))[PARTITION] == NOW_MS


async def test_what_a_full_redis_has_no_room_for_waits_and_what_was_saved_counts() -> None:
    """Half a fetch fills Redis: were it not counted, its sessions could never close and make room."""
    source = Source([garbage(n) for n in range(6)], [garbage(6)], end=9, positions={PARTITION: 9})
    bench = Bench(source, slice_bytes=20)
    redis = bench.store.redis
    bench.topic.after = lambda: setattr(redis, "memory_share", 0.9)
    await bench.steps(1)
    saved = [letter.record.offset for letter in bench.topic.letters]
    assert saved == [0, 1]
    await bench.steps(20)
    assert (len(bench.topic.letters), source.committed) == (2, 2)
    assert bench.journal.events == ["dead_letter"] * 2 + ["redis_full"]
    bench.topic.after = lambda: None
    redis.memory_share = 0.5
    await bench.steps(20)
    assert [letter.record.offset for letter in bench.topic.letters] == list(range(7))
    assert source.committed == 9
    assert (await bench.store.progress("default"))[PARTITION] >= NOW_MS


async def test_what_waits_is_read_anew_where_the_partition_has_moved_or_reading_goes_back() -> None:
    source = Source([garbage(n) for n in range(4)], end=4)
    bench = Bench(source, slice_bytes=10)
    bench.store.redis.memory_share = 0.5
    bench.topic.after = lambda: setattr(bench.store.redis, "memory_share", 0.9)
    await bench.steps(1)
    source.down = True
    await bench.steps(1)
    source.down, source.batches = False, [[], [garbage(n) for n in range(4)]]
    bench.topic.after, bench.store.redis.memory_share = (lambda: None), 0.5
    await bench.steps(20)
    assert [letter.record.offset for letter in bench.topic.letters] == [0, 0, 1, 2, 3]
    assert source.committed == 4


async def test_an_outage_is_said_once_and_the_way_back_too() -> None:
    source = Source(end=0)
    bench = Bench(source)
    await bench.steps(2)
    source.down = True
    await bench.steps(50)
    source.down = False
    await bench.steps(3)
    assert bench.journal.events == ["ingest_interrupted", "ingest_went_back"]


async def test_a_log_that_says_a_session_is_over_ends_it() -> None:
    ends = fixture_record("edge-log-session-end.bin")._replace(topic="spans", timestamp_ms=NOW_MS - 1_000)
    bench = Bench(Source([ends], end=1))
    await bench.steps(15)
    for session_id in ("s1", "s2"):
        found = await bench.store.session(SessionRef(Scope("default", "default"), session_id).key)
        assert found is not None
        assert found[1].ended_ms == NOW_MS - 1_000
    assert bench.ingest._p.dead_letters.letters == []  # type: ignore[attr-defined]


async def test_a_control_record_ends_a_session_that_is_not_known_yet_and_never_in_the_future() -> None:
    moments: dict[str, int | None] = {"now": None, "past": NOW_MS - 9_000, "future": NOW_MS + 9_000}
    said = [
        json.dumps({"streamer": "control", "type": "session.end", "session_id": name, "at_ms": at_ms}).encode()
        for name, at_ms in moments.items()
    ]
    bench = Bench(Source([Record("spans", 0, n, NOW_MS - 1_000, value) for n, value in enumerate(said)], end=3))
    await bench.steps(15)
    ended = {}
    for name in moments:
        found = await bench.store.session(SessionRef(Scope("default", "default"), name).key)
        assert found is not None
        ended[name] = found[1].ended_ms
    assert ended == {"now": NOW_MS - 1_000, "past": NOW_MS - 9_000, "future": NOW_MS - 1_000}
    assert bench.topic.letters == []
