"""What a series leaves when it ends: its place, its detector, its lane; never those of an open episode."""

from collections.abc import AsyncIterator

import pytest

from streamer.alert_ports import SeriesStore
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Change, KeptState, LanePolicy, newest_name, state_name
from streamer.core.alerts.limit import LimitWatch
from streamer.core.alerts.series import SeriesKey
from tests.alert_feed import records, verdict
from tests.contract.series_stage import LANE, POLICY, RULE, STORES, counted, folding, now_of, opened, series

DAY_MS = 86_400_000
RAW = SeriesState(kind="limit", watch=LimitWatch()).encoded()


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SeriesStore]:
    async with opened(request) as made:
        yield made


def parent(agent: str = "refund-bot", judge_version: str = "v1") -> str:
    return str(SeriesKey.read(series(agent=agent, judge_version=judge_version)).parent)


async def test_a_silent_series_gives_its_place_back_and_keeps_its_detector(store: SeriesStore) -> None:
    now, fold = await now_of(store), folding(store).fold
    await fold(records([verdict("a", now, "resolved"), verdict("b", now - DAY_MS, "unresolved", agent="x")]))
    assert await store.hits(LANE, parent("x"))
    assert await store.sweep(LANE, now, 0, ()) == 1
    assert list(await store.index(LANE)) == [series()]
    assert not await store.hits(LANE, parent("x")), "nobody is quoted of a series that nobody shows"
    assert await store.state(LANE, state_name(RULE, SeriesKey.read(parent("x")))) is not None
    assert await store.sweep(LANE, now, 0, ()) == 0


async def test_a_new_version_gets_the_place_of_one_that_is_gone(store: SeriesStore) -> None:
    now, policy = await now_of(store), LanePolicy(rules=(), labels=POLICY.labels, series_max=2)
    fold = folding(store, policy=policy).fold
    await fold(records([verdict(f"o{n}", now - 9 * DAY_MS, "resolved", version=f"{n}") for n in range(2)]))
    await fold(records([verdict("late", now, "resolved", version="3.0")]))
    assert await counted(store, now) == {(series("", "other"), "miss"): 1}
    assert await store.sweep(LANE, now - 8 * DAY_MS, 0, ()) == 2
    await fold(records([verdict("new", now, "resolved", version="3.0")]))
    assert await counted(store, now) == {(series("", "other"), "miss"): 1, (series("3.0"), "miss"): 1}


async def test_an_open_episode_keeps_all_that_is_of_its_series(store: SeriesStore) -> None:
    now = await now_of(store)
    await folding(store).fold(
        records([verdict("a", now - DAY_MS, "unresolved"), verdict("b", now - DAY_MS, "resolved", agent="x")])
    )
    assert await store.sweep(LANE, now, 10**14, [parent()]) == 1
    assert list(await store.index(LANE)) == [series()]
    assert await store.hits(LANE, parent())
    assert await store.state(LANE, state_name(RULE, SeriesKey.read(parent()))) is not None
    assert await store.state(LANE, state_name(RULE, SeriesKey.read(parent("x")))) is None


async def test_detectors_that_took_nothing_for_long_go_and_the_lane_with_the_last(store: SeriesStore) -> None:
    now = await now_of(store)
    old, new = (SeriesKey.read(parent(judge_version=version)) for version in ("v1", "v2"))
    names = {key: state_name(RULE, key) for key in (old, new)}
    change = Change(lane=LANE, series={series(): (now, now)})
    change.states = {names[old]: (0, KeptState(5_000, RAW)), names[new]: (0, KeptState(9_000, RAW))}
    change.newest = {newest_name(RULE, new): names[new]}
    assert await store.apply([change]) == [True]
    await store.sweep(LANE, 0, 9, ())
    assert await store.state(LANE, names[old]) is None
    assert await store.state(LANE, names[new]) is not None
    assert await store.lanes() == [LANE]
    await store.sweep(LANE, 0, 10, ())
    assert await store.state(LANE, names[new]) is None
    assert await store.lanes() == [LANE], "its series is still shown"
    assert await store.sweep(LANE, now + 1, 10, ()) == 1
    assert await store.lanes() == []
    await folding(store).fold(records([verdict("a", now, "resolved")]))
    assert await store.lanes() == [LANE]
