"""Series, detectors, proposals: the same on the fake, on Redis and on a Redis Cluster, exact whatever comes again."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from streamer.alert_ports import SeriesStore, Waiting
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Change, KeptState, Lane, LanePolicy, state_name
from streamer.core.alerts.limit import LimitWatch
from streamer.core.alerts.series import SeriesKey
from streamer.errors import TransientError
from streamer.loops.folding import Folding
from tests import alert_feed
from tests.alert_feed import closing, failure, records, retracted, verdict
from tests.contract.series_stage import (
    LANE,
    POLICY,
    RULE,
    STORES,
    Letters,
    counted,
    folding,
    now_of,
    opened,
    series,
)
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.alert_world import Clock

STATE = SeriesState(kind="limit", watch=LimitWatch())


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SeriesStore]:
    async with opened(request) as made:
        yield made


async def test_a_session_is_counted_once_where_it_stands_last(store: SeriesStore) -> None:
    now = await now_of(store)
    fold = folding(store).fold
    await fold(records([verdict("a", now, "unresolved"), verdict("b", now, "resolved"), failure("c", now, "refused")]))
    expected = {(series(), "hit"): 1, (series(), "miss"): 1, (series(), "refused"): 1}
    assert await counted(store, now) == expected
    await fold(records([verdict("a", now, "resolved", token=2, revision=2, version="2.0")]))
    await fold(records([verdict("a", now, "unresolved", token=1)]))  # the older one, once more
    await fold(records([retracted("b", now), verdict("c", now, "unresolved", token=2, judge_version="v2")]))
    assert await counted(store, now) == {(series("2.0"), "miss"): 1, (series(judge_version="v2"), "hit"): 1}


async def test_what_waits_for_money_is_deferred_until_it_is_judged(store: SeriesStore) -> None:
    now = await now_of(store)
    fold = folding(store).fold
    await fold(records([closing("a", now, "deferred"), closing("b", now, "deferred"), closing("c", now, "judged")]))
    assert await counted(store, now) == {(series(), "deferred"): 2}
    await fold(records([verdict("a", now, "resolved", token=2), closing("a", now, "deferred", token=1)]))
    assert await counted(store, now) == {(series(), "deferred"): 1, (series(), "miss"): 1}


async def test_a_failure_replaces_no_verdict(store: SeriesStore) -> None:
    now = await now_of(store)
    await folding(store).fold(records([verdict("a", now, "unresolved"), failure("a", now, "timeout", token=2)]))
    assert await counted(store, now) == {(series(), "hit"): 1}


async def test_everything_twice_by_several_workers_at_once_is_everything_once(store: SeriesStore) -> None:
    now, rng = await now_of(store), random.Random(7)
    values, last = random_values(rng, now)
    batches = [records(values[n : n + 37]) for n in range(0, len(values), 37)]
    workers = [folding(store) for _ in range(3)]

    async def work(worker: Folding, order: list[int]) -> None:
        for n in order:
            await worker.fold(batches[n])

    orders = [rng.sample(range(len(batches)), len(batches)) for _ in workers]
    await asyncio.gather(*(work(worker, order) for worker, order in zip(workers, orders, strict=True)))
    assert await counted(store, now) == last
    kept = await store.state(LANE, state_name(RULE, SeriesKey.read(series()).parent))
    assert kept is not None
    SeriesState.decoded(kept.raw)


def random_values(rng: random.Random, now: int) -> tuple[list[dict[str, Any]], Counter[tuple[str, str]]]:
    """Records of 60 sessions, and where each stands in the end."""
    values, last = [], Counter[tuple[str, str]]()
    for n in range(60):
        at_ms, said, place = now - rng.randrange(3 * HOUR_MS), "", ("", "")
        for revision in range(1, rng.choice((1, 1, 1, 2, 3)) + 1):
            said = rng.choice(("resolved", "unresolved", "none"))
            version = rng.choice(("1.0", "2.0"))
            values.append(verdict(f"s{n}", at_ms, said, token=revision, revision=revision, version=version))
            place = (series(version), "hit" if said == "unresolved" else "miss")
        if rng.random() < 0.1:
            values.append(retracted(f"s{n}", at_ms, token=9))
        else:
            last[place] += 1
    return values, last


async def test_a_change_that_looked_at_something_else_does_nothing_at_all(store: SeriesStore) -> None:
    name, raw = "r|x", STATE.encoded()
    assert await store.apply([Change(lane=LANE, states={name: (0, KeptState(5, raw))})]) == [True]
    stale = Change(
        lane=LANE,
        states={name: (4, KeptState(6, raw))},
        counts={(series(), 1): {"n:hit": 1.0}},
        series={series(): (1, 1)},
        proposals=[{"n": 6}],
    )
    assert await store.apply([stale]) == [False]
    assert await store.proposals() == []
    assert await store.lanes() == []
    kept = await store.state(LANE, name)
    assert kept is not None
    assert kept.n == 5
    assert not await store.put_state(LANE, name, 4, STATE, 7)
    assert await store.put_state(LANE, name, 5, STATE, 7)


async def test_a_proposal_stays_until_it_is_dropped(store: SeriesStore) -> None:
    await store.apply([Change(lane=LANE, proposals=[{"n": 1, "rule": "é|\n"}, {"n": 2}])])
    first, second = await store.proposals()
    assert (first, second) == (Waiting(LANE.bucket, first.raw), Waiting(LANE.bucket, b'{"n":2}'))
    await store.drop(first)
    await store.drop(first)
    assert await store.proposals() == [second]


async def test_series_beyond_the_most_are_counted_together(store: SeriesStore) -> None:
    now = await now_of(store)
    policy = LanePolicy(rules=(), labels=POLICY.labels, series_max=3)
    fold = folding(store, policy=policy).fold
    for n in range(0, 20, 5):
        await fold(records([verdict(f"s{m}", now, "resolved", agent=f"bot{m}") for m in range(n, n + 5)]))
    found = await counted(store, now)
    assert sum(found.values()) == 20
    assert found[series("", "other"), "miss"] == 17
    assert len(await store.index(LANE)) == 4


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(store: SeriesStore) -> None:
    now, letters = await now_of(store), Letters()
    good = verdict("a", now, "resolved")
    values = records([good, {**good, "schema_version": 9}, {"kind": "verdict"}])
    broken = values[0]._replace(value=b"\xff{", offset=3)
    tombstone = values[0]._replace(value=None, offset=4)
    await folding(store, letters).fold([*values, broken, tombstone])
    assert [(one.record.offset, one.reason) for one in letters.put_so_far] == [(n, "unreadable") for n in (1, 2, 3)]
    assert await counted(store, now) == {(series(), "miss"): 1}


async def test_an_unreachable_store_is_waited_for_and_nothing_is_skipped(store: SeriesStore) -> None:
    now = await now_of(store)
    fails = iter([True, True, False, True, False])

    async def flaky(call: Callable[[], Awaitable[Any]]) -> Any:
        done = await call()  # the ambiguous kind: it happened, and the answer was lost
        if next(fails, False):
            raise TransientError("no answer")
        return done

    class Flaky:
        def __getattr__(self, name: str) -> Any:
            inner = getattr(store, name)
            return lambda *given: flaky(lambda: inner(*given))

    await folding(Flaky()).fold(records([verdict(f"s{n}", now, "unresolved") for n in range(5)]))
    assert await counted(store, now) == {(series(), "hit"): 5}


async def test_nothing_of_a_session_that_was_forgotten_is_kept(store: SeriesStore) -> None:
    now, struck = await now_of(store), []

    async def strike(tenant: str, session_id: str) -> None:
        struck.append((tenant, session_id))
        await store.strike(Lane(tenant, alert_feed.JUDGE), session_id)

    values = records([verdict("a|b", now, "unresolved"), verdict("c", now, "unresolved")])
    keys = (b"default|a%7Cb|user_frustration", b"default|a%7Cb|")
    stones = [values[0]._replace(value=None, key=key) for key in keys]
    fold = Folding(POLICY, store, Letters(), Clock(10**12), SilentMetrics(), SilentJournal(), strike=strike).fold
    await fold([*values, *stones])
    assert struck == [("default", "a|b")]
    assert [hit.session_id for hit in await store.hits(LANE, str(SeriesKey.read(series()).parent))] == ["c"]
