"""Which part of the traffic is worse, told by version, model, tool: the same on the fake, on Redis and on a cluster."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.alert_ports import SeriesStore
from streamer.core import turn_codec
from streamer.core.alerts.counts import HOUR_MS, shares
from streamer.core.alerts.series import SeriesKey
from streamer.core.lifecycle import Limits
from tests.alert_feed import records, verdict
from tests.contract.series_stage import LANE, PREFIXES, STORES, folding, now_of, opened, series


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SeriesStore]:
    async with opened(request) as made:
        yield made


async def test_weights_slices_and_hits_follow_the_session(store: SeriesStore) -> None:
    now = await now_of(store)
    fold, hour = folding(store).fold, now // HOUR_MS
    said: dict[str, Any] = {"probability": 0.25, "reason": "sample", "version": "2.0"}
    await fold(records([verdict(f"s{n}", now, "unresolved", **said) for n in range(4)]))
    await fold(records([verdict("t", now, "resolved"), verdict("s0", now, "resolved", token=2, revision=2, **said)]))
    week = shares(await store.hours(LANE, series("2.0"), hour - 168, hour), now)["7d"]
    assert (week.judged, week.hits, week.share) == (4, 3, 0.75)
    parent = str(SeriesKey.read(series()).parent)
    slices = await store.slices(LANE, parent, hour, hour)
    assert tuple(slices["version=2.0"]) == (3.0, 4.0)
    assert tuple(slices["version=1.0"]) == (0.0, 1.0)
    hits = await store.hits(LANE, parent)
    assert {hit.session_id for hit in hits} == {"s1", "s2", "s3"}
    assert all(hit.rationale for hit in hits)


async def test_a_conversation_counts_once_in_each_of_its_tools_and_moves_with_all_of_them(store: SeriesStore) -> None:
    now = await now_of(store)
    fold, hour, parent = folding(store).fold, now // HOUR_MS, str(SeriesKey.read(series()).parent)
    await fold(records([verdict("a", now, "unresolved", tools=["x", "y"], models=["m"])]))
    await fold(records([verdict("b", now, "resolved", tools=["y|é="]), verdict("c", now, "resolved")]))
    slices = await store.slices(LANE, parent, hour, hour)
    tallies = {name: tuple(tally) for name, tally in slices.items() if name.startswith(("tool=", "model="))}
    assert tallies == {"tool=x": (1, 1), "tool=y": (1, 1), "model=m": (1, 1), "tool=y|é=": (0, 1)}
    await fold(records([verdict("a", now, "resolved", token=2, revision=2, tools=["y", "z"])]))
    slices = await store.slices(LANE, parent, hour, hour)
    tallies = {name: tuple(tally) for name, tally in slices.items() if tally.judged and name.startswith("tool=")}
    assert tallies == {"tool=y": (0, 1), "tool=z": (0, 1), "tool=y|é=": (0, 1)}


async def test_invented_names_of_tools_leave_a_version_its_place(redis_url: str) -> None:
    redis = await open_redis(redis_url, Limits(), turn_codec, prefix=next(PREFIXES))
    store = RedisSeries(redis.shared)
    now = await now_of(store)
    fold, hour = folding(store).fold, now // HOUR_MS
    for first in range(0, 400, 40):
        values = [verdict(f"s{n}", now, "resolved", tools=[f"t{n}"]) for n in range(first, first + 40)]
        await fold(records(values))
    await fold(records([verdict("late", now, "unresolved", version="2.0")]))
    slices = await store.slices(LANE, str(SeriesKey.read(series()).parent), hour, hour)
    assert tuple(slices["version=2.0"]) == (1, 1)
    assert len(slices) < 300
    await redis.close()
