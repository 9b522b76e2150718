"""Where a verdict stands while traces come late to MLflow, go from it, or turn out to be another session's."""

from dataclasses import replace

from tests.loops.bench import GAP_MS, LIMITS, Bench

HOUR_MS = 3_600_000
PATIENT = replace(LIMITS, trace_wait_ms=120_000)


def places(bench: Bench) -> dict[str, str]:
    """Session → the trace that its only row stands on."""
    found = {row.metadata["mlflow.trace.session"]: row.trace_id for row in bench.rows.stored.values()}
    assert len(found) == len(bench.rows.stored)
    return found


async def test_a_first_trace_that_is_late_is_waited_for() -> None:
    bench = Bench(limits=PATIENT)
    first = await bench.say("s", in_mlflow=False)
    await bench.say("s")
    await bench.wait(GAP_MS + 60_000)
    assert places(bench) == {}
    assert bench.feed.told("verdict")  # the feed does not wait
    bench.rows.traces.add(f"tr-{first}")
    await bench.wait(10_000)
    assert places(bench) == {"s": f"tr-{first}"}
    assert len(bench.model.requests) == 1
    assert bench.state("s") == "at rest"


async def test_one_that_is_missing_for_long_is_replaced_by_the_next_and_takes_its_place_when_it_comes() -> None:
    bench = Bench(limits=PATIENT)
    first = await bench.say("s", in_mlflow=False)
    second = await bench.say("s")
    await bench.wait(GAP_MS + 300_000)
    assert places(bench) == {"s": f"tr-{second}"}
    bench.rows.traces.add(f"tr-{first}")
    await bench.wait(HOUR_MS, 10_000)
    assert places(bench) == {"s": f"tr-{first}"}
    assert len(bench.model.requests) == 1
    assert bench.state("s") == "at rest"


async def test_after_the_first_trace_was_deleted_the_next_verdict_stands_on_the_next_trace() -> None:
    bench = Bench(limits=PATIENT)
    first = await bench.say("s")
    second = await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert places(bench) == {"s": f"tr-{first}"}
    bench.rows.traces.remove(f"tr-{first}")  # MLflow deletes its assessments with it
    bench.rows.stored.clear()
    await bench.say("s", "And now?")
    await bench.wait(2 * HOUR_MS, 10_000)
    assert places(bench) == {"s": f"tr-{second}"}
    assert (await bench.entry("s")).revision == 2
    assert bench.state("s") == "at rest"


async def test_a_root_that_comes_after_its_children_takes_the_verdict_to_the_session_that_it_names() -> None:
    bench = Bench(limits=PATIENT)
    trace = await bench.say("child's", parent="f" * 16)
    await bench.wait(2 * GAP_MS + 5_000)
    assert places(bench) == {"child's": f"tr-{trace}"}
    await bench.say("root's", trace=trace)
    await bench.wait(GAP_MS + 5_000)
    assert places(bench) == {"root's": f"tr-{trace}"}
    assert (await bench.entry("child's")).state == "retracted"
    assert [record["session"]["id"] for record in bench.feed.told("retracted")] == ["child's"]
    assert {bench.state("child's"), bench.state("root's")} == {"at rest"}


async def test_an_earlier_turn_that_comes_late_moves_the_row() -> None:
    bench = Bench()
    later = await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert places(bench) == {"s": f"tr-{later}"}
    now, bench.now = bench.now, bench.now - 2 * GAP_MS
    earlier = await bench.say("s", "It began here.")
    bench.now = now
    await bench.wait(GAP_MS + 5_000)
    assert places(bench) == {"s": f"tr-{earlier}"}
    assert bench.state("s") == "at rest"
