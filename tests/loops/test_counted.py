"""What was dropped, or came too late, is counted by reason."""

from collections import Counter
from dataclasses import replace

import pytest

from streamer.core.session import SessionRef, Sweep
from streamer.loops.audit import Audit
from streamer.loops.judge import Judge
from streamer.ports import TopicPartition
from tests.builders import fragments_of, otlp_record, span
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.bench import GAP_MS, LIMITS, SOURCE, Bench


class Counting(SilentMetrics):
    def __init__(self) -> None:
        self.counted = Counter[tuple[str, ...]]()

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        self.counted[(name, *labels.values())] += int(by)


async def audited(bench: Bench) -> Counter[tuple[str, ...]]:
    audit = Audit(bench.store, bench.limits, metrics := Counting(), SilentJournal())
    for _ in range(16):
        await audit.step()
    return metrics.counted


async def test_a_trace_without_a_session_is_counted_apart_from_one_that_its_session_refused() -> None:
    bench = Bench(limits=replace(LIMITS, traces_max=1, parked_ms=1_000))
    nameless = span("a" * 32, "b" * 16, input__value="Hello?", openinference__span__kind="AGENT")
    await bench.store.save_fragments(SOURCE, fragments_of(otlp_record(nameless)))
    await bench.say("full")
    refused = await bench.say("full")
    await bench.store.park(bench.scope, refused)
    bench.now += 1_001
    counted = await audited(bench)
    assert (counted["parked_expired", "no_session"], counted["parked_expired", "refused"]) == (1, 1)


@pytest.mark.parametrize(("late_is_root", "outcome"), [(False, "left"), (True, "read")])
async def test_spans_after_the_sweep_are_counted_by_what_becomes_of_them(late_is_root: bool, outcome: str) -> None:
    bench = Bench()
    root, child = "", "c" * 16
    trace = await bench.say("s", parent=child if late_is_root else root)
    await bench.wait(GAP_MS + 5_000)
    ref = SessionRef(bench.scope, "s")
    kept = await bench.store.session(ref.key)
    assert kept is not None
    sweep = Sweep(ref, kept[1].version, {trace: kept[1].turns[trace].version})
    assert await bench.store.sweep_trace(sweep, trace, sweep.turns[trace])
    await bench.say("s", "Late.", trace=trace, parent=root if late_is_root else child)
    bench.now += GAP_MS * 2
    await bench.store.add_partitions(SOURCE, [TopicPartition("t", 0)])
    await bench.store.publish_progress(SOURCE, {TopicPartition("t", 0): bench.now})
    judge, tasks = bench.worker()
    metrics = Counting()
    await Judge(replace(judge._p, metrics=metrics)).step()
    while tasks.started:
        await tasks.started.pop(0)
    assert metrics.counted["late_traces", outcome] == 1
