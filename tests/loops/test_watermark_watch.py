"""Workers tell what they do with their partitions, and the watch says which one holds the watermark back."""

from typing import Any

from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.lifecycle import Limits
from streamer.loops.telling import EVERY_MS, Standing, Telling
from streamer.loops.watermark_watch import WatermarkWatch
from streamer.ports import TopicPartition
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.session_store import FakeRedis, FakeSessionStore
from tests.loops.test_ingest import NOW_MS, PARTITION, Source
from tests.loops.test_ingest import Bench as IngestBench

ONE, TWO = TopicPartition("spans", 0), TopicPartition("spans", 1)
NOTHING: frozenset[TopicPartition] = frozenset()


class Gauges(SilentMetrics):
    """What stands now, by name and labels."""

    def __init__(self) -> None:
        self.now: dict[tuple[str, ...], float] = {}

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.now[name, *labels.values()] = value

    def held(self) -> dict[tuple[str, ...], float]:
        return {key[2:]: value for key, value in self.now.items() if key[0] == "watermark_held_seconds" and value}


class Journal(SilentJournal):
    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    def say(self, level: str, event: str, **fields: Any) -> None:
        self.said.append((event, fields.get("cause")))


class Bench:
    """Two workers with a partition each, and the watch."""

    def __init__(self) -> None:
        self.now = NOW_MS
        self.store = FakeSessionStore(FakeRedis(self.now_ms, Limits()))
        self.fuse = Fuse(FuseLimits(), ["s"])
        self.metrics, self.journal = Gauges(), Journal()
        self.workers = {p: Telling("s", self.store, self.fuse, self, self.metrics) for p in (ONE, TWO)}
        self.watch = WatermarkWatch(["s"], self.store, self.metrics, self.journal)

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms

    async def pass_by(self, seconds: int, **standing: Standing | None) -> None:
        """`one`, `two`: how the worker's partition stands; None: the worker is gone."""
        await self.store.add_partitions("s", [ONE, TWO])
        for _ in range(seconds):
            self.now += 1_000
            for name, partition in (("one", ONE), ("two", TWO)):
                how = standing.get(name, Standing(False, NOTHING, NOTHING))
                if how is not None:
                    await self.workers[partition].tell([partition], how)
                    if how == Standing(False, NOTHING, NOTHING):
                        await self.store.publish_progress("s", {partition: self.now})
            await self.watch.step()


async def test_a_reader_that_is_gone_is_told_from_one_that_waits_and_from_none_at_all() -> None:
    bench = Bench()
    await bench.pass_by(20)
    assert bench.metrics.held() == {}
    await bench.pass_by(30, one=None)
    assert bench.metrics.held() == {("spans", "0", "stalled"): 30.0}
    await bench.pass_by(30, one=Standing(False, frozenset({ONE}), NOTHING))
    assert bench.metrics.held() == {("spans", "0", "aligned"): 60.0}
    await bench.pass_by(5)
    assert bench.metrics.held() == {}
    await bench.pass_by(30, one=None, two=None)
    assert bench.metrics.held() == {("spans", "0", "no_worker"): 30.0}
    events = list(dict.fromkeys(bench.journal.said))
    assert [cause for event, cause in events if event == "watermark_held"][-1] == "no_worker"
    assert ("watermark_free", None) in events


async def test_what_holds_it_is_said_once_while_it_lasts() -> None:
    bench = Bench()
    await bench.pass_by(60, two=Standing(True, NOTHING, NOTHING))
    assert bench.journal.said.count(("watermark_held", "redis_full")) == 1


async def test_a_partition_whose_end_kafka_does_not_say_is_named() -> None:
    bench = Bench()
    await bench.pass_by(30, two=Standing(False, NOTHING, frozenset({TWO})))
    assert bench.metrics.held() == {("spans", "1", "no_answer"): bench.metrics.held()["spans", "1", "no_answer"]}


async def test_a_worker_tells_no_more_often_than_people_can_read() -> None:
    bench = Bench()
    await bench.store.tell_doing("s", {})
    await bench.workers[ONE].tell([ONE], Standing(False, NOTHING, NOTHING))
    first = await bench.store.told("s")
    bench.now += EVERY_MS - 1
    await bench.workers[ONE].tell([ONE], Standing(False, NOTHING, NOTHING))
    assert await bench.store.told("s") == first


async def test_an_empty_partition_holds_nothing_back() -> None:
    """Its end is its saved position: that alone moves its progress."""
    bench = IngestBench(Source(end=0))
    metrics = Gauges()
    watch = WatermarkWatch(["default"], bench.store, metrics, Journal())
    for _ in range(60):
        await bench.steps(1)
        await watch.step()
    assert (await bench.store.progress("default"))[PARTITION] >= bench.now - 1_000
    assert metrics.held() == {}


async def test_a_backlog_is_behind_and_no_fault() -> None:
    source = Source(end=9)
    bench = IngestBench(source)
    metrics = Gauges()
    watch = WatermarkWatch(["default"], bench.store, metrics, Journal())
    for _ in range(30):
        await bench.steps(1)
        await watch.step()
    assert set(metrics.held()) == {("spans", "0", "behind")}
