"""Redis is filling up with sessions at rest: the oldest go before their time, and nothing else does."""

from collections import Counter
from dataclasses import replace

import pytest

from streamer.core.ids import BUCKETS, bucket_of_trace
from streamer.core.pressure import REST_SHARE
from streamer.core.session import Forgotten, SessionRef
from streamer.loops.audit import Audit
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.bench import GAP_MS, LIMITS, Bench

HOUR_MS = 3_600_000
BRIEF = replace(LIMITS, zombie_ms_max=HOUR_MS)


class Watched(SilentMetrics, SilentJournal):
    def __init__(self) -> None:
        self.forgotten = Counter[str]()
        self.events: list[str] = []

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        if name == "sessions_forgotten" and by:
            self.forgotten[labels["reason"]] += int(by)

    def say(self, level: object, event: str, **fields: object) -> None:
        self.events.append(event)


async def audited(audit: Audit) -> None:
    for _ in range(2 * BUCKETS):
        await audit.step()


async def known(bench: Bench, session: str) -> bool:
    return await bench.store.session(SessionRef(bench.scope, session).key) is not None


def is_kept(bench: Bench, trace: str) -> bool:
    return ("t", f"{bench.scope}|{trace}") in bench.redis.buckets[bucket_of_trace(trace)].keys


@pytest.mark.parametrize(("share", "goes"), [(REST_SHARE, False), (REST_SHARE + 0.01, True)])
async def test_what_has_been_at_rest_for_an_hour_goes_with_its_traces_while_there_is_no_room(
    share: float, goes: bool
) -> None:
    bench, watched = Bench(limits=BRIEF), Watched()
    audit = Audit(bench.store, BRIEF, watched, watched)
    old = await bench.say("old")
    await bench.wait(GAP_MS + 5_000)
    bench.now += HOUR_MS
    young = await bench.say("young")
    await bench.wait(GAP_MS + 5_000)
    await bench.say("open")
    bench.redis.memory_share = share
    await audited(audit)
    assert (await known(bench, "old"), is_kept(bench, old)) == (not goes, not goes)
    assert await known(bench, "young")
    assert is_kept(bench, young)
    assert await known(bench, "open")
    assert watched.forgotten == ({"memory": 1} if goes else {})
    bench.redis.memory_share = 0.1
    bench.now += HOUR_MS
    await audited(audit)
    assert watched.events == (["forgets_early", "forgets_in_time"] if goes else [])
    assert await known(bench, "young")


async def forgotten(bench: Bench) -> tuple[str, Forgotten]:
    """A session of one trace, which is kept still."""
    trace = await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    bench.now += HOUR_MS
    (gone,) = [f for bucket in range(BUCKETS) for f in await bench.store.forget(bucket, BRIEF.rest_ms_min)]
    return trace, gone


async def test_a_trace_that_came_again_meanwhile_stays() -> None:
    """The save is in two phases: its second one, not seen yet here, makes a session of it."""
    bench = Bench(limits=BRIEF)
    trace, gone = await forgotten(bench)
    await bench.say("s", "I am back.", trace=trace)
    assert await bench.store.drop_traces([gone]) == 0
    assert is_kept(bench, trace)


async def test_an_erased_trace_stays_erased() -> None:
    bench = Bench(limits=BRIEF)
    trace, gone = await forgotten(bench)
    assert await bench.store.erase_trace(bench.scope, trace, "s", gone.traces[trace])
    assert await bench.store.drop_traces([gone]) == 0
    assert is_kept(bench, trace)
