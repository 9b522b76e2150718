"""Episodes and what channels are owed: the same on the fake, on Redis and on a Redis Cluster."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.redis_sessions.episodes import RedisEpisodes
from streamer.alert_ports import EpisodeStore
from streamer.core import turn_codec
from streamer.core.alerts.episode import Episode, proposed
from streamer.core.alerts.notice import Notice, notice_of
from streamer.core.alerts.proposal import Proposal
from streamer.core.lifecycle import Limits
from tests.fakes.episode_store import FakeEpisodes
from tests.services.redis_cluster import RedisCluster

PREFIXES = (f"episodes{n}" for n in count())
RULE, SERIES = "spike|\n<é>", "default|bot|*|judge|v1"
START_MS = 1_800_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = START_MS

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms


class Stage(NamedTuple):
    store: EpisodeStore
    clock: Clock


@pytest.fixture(params=["fake", "redis", "cluster"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    clock = Clock()
    if request.param == "fake":
        yield Stage(FakeEpisodes(clock), clock)
        return
    cluster: Callable[[], RedisCluster] = lambda: request.getfixturevalue("redis_cluster")  # noqa: E731
    url = cluster().url if request.param == "cluster" else request.getfixturevalue("redis_url")
    redis = await open_redis(url, Limits(), turn_codec, prefix=next(PREFIXES), now_ms=clock.now_ms)
    yield Stage(RedisEpisodes(redis.shared), clock)
    await redis.close()


def episode(at_ms: int = START_MS) -> Episode:
    raised = Proposal("raise", RULE, SERIES, at_ms, at_ms - 60_000, 40, 12, 0.3, 0.05, (0.2, 0.4))
    found = proposed(None, raised, "warn", at_ms).episode
    assert found is not None
    return found


def notice(of: Episode, kind: str = "raise") -> Notice:
    return notice_of(of, kind, START_MS)  # type: ignore[arg-type]


async def test_of_two_that_looked_at_the_same_one_turns(stage: Stage) -> None:
    store, _ = stage
    slot = await store.slot(RULE, SERIES)
    assert (slot.applied, slot.episode) == (0, None)
    mine = episode()
    assert await store.turn(slot, 5, mine, notice(mine), ["one", "two"])
    assert not await store.turn(slot, 5, mine, notice(mine), ["one", "two"])
    again = await store.slot(RULE, SERIES)
    assert (again.applied, again.episode, again.notice) == (5, mine, notice(mine))
    assert await store.owed(["one", "two", "three"]) == {"one": 1, "two": 1, "three": 0}
    assert await store.turn(again, 5, mine, again.notice, [])
    assert await store.owed(["one"]) == {"one": 1}


async def test_a_new_episode_takes_the_slot_and_the_old_one_is_remembered(stage: Stage) -> None:
    store, _ = stage
    first, second = episode(), episode(START_MS + 10**8)
    assert await store.turn(await store.slot(RULE, SERIES), 1, first, notice(first), [])
    assert await store.turn(await store.slot(RULE, SERIES), 2, second, notice(second), [])
    assert [one.episode for one in await store.episodes()] == [second, first]
    assert (await store.slot(RULE, "other")).episode is None
    assert await store.forget(START_MS + 10**9) == 0, "open ones stay"


async def test_what_is_untold_stays_so_until_somebody_says_otherwise(stage: Stage) -> None:
    store, clock = stage
    mine = episode()
    await store.turn(await store.slot(RULE, SERIES), 1, mine, notice(mine), [], untold=True)
    assert [one.untold for one in await store.episodes()] == [True]
    slot = await store.slot(RULE, SERIES)
    assert slot.untold
    await store.turn(slot, 1, mine, slot.notice, ["one"])
    assert [one.untold for one in await store.episodes()] == [False]
    assert not await store.is_current()
    await store.set_current(60_000)
    assert await store.is_current()
    clock.now += 60_000


async def test_a_delivery_is_leased_to_one_until_the_lease_ends(stage: Stage) -> None:
    store, clock = stage
    mine = episode()
    await store.turn(await store.slot(RULE, SERIES), 1, mine, notice(mine), ["one"])
    (taken,) = await store.take("one", 5, 20, 30_000)
    assert (taken.notice, taken.attempts) == (notice(mine), 0)
    assert await store.take("one", 5, 20, 30_000) == []
    clock.now += 30_000
    (again,) = await store.take("one", 5, 20, 30_000)
    await store.delivered("one", taken)
    assert await store.owed(["one"]) == {"one": 1}, "whose lease has ended has no say"
    await store.delivered("one", again)
    await store.delivered("one", again)
    assert await store.owed(["one"]) == {"one": 0}


async def test_what_failed_is_due_later_and_no_resolve_overtakes_its_raise(stage: Stage) -> None:
    store, clock = stage
    mine, other = episode(), episode(START_MS + 1)
    await store.turn(await store.slot(RULE, SERIES), 1, mine, notice(mine), ["one"])
    await store.turn(await store.slot(RULE, SERIES), 2, mine, notice(mine, "resolve"), ["one"])
    await store.turn(await store.slot("other", SERIES), 3, other, notice(other), ["one"])
    first, third = await store.take("one", 5, 20, 30_000)
    assert [first.notice.kind, third.notice.episode] == ["raise", other.id]
    await store.put_off("one", first, 5_000)
    await store.delivered("one", third)
    assert await store.take("one", 5, 20, 30_000) == []
    clock.now += 5_000
    (again,) = await store.take("one", 5, 20, 30_000)
    assert (again.notice.kind, again.attempts) == ("raise", 1)
    await store.delivered("one", again)
    (resolve,) = await store.take("one", 5, 20, 30_000)
    assert resolve.notice.kind == "resolve"


async def test_a_channel_is_sent_no_more_than_it_may_in_a_minute(stage: Stage) -> None:
    store, _ = stage
    for n in range(7):
        mine = episode(START_MS + n)
        await store.turn(await store.slot(f"r{n}", SERIES), n + 1, mine, notice(mine), ["one", "two"])
    assert len(await store.take("one", 3, 4, 30_000)) == 3
    assert len(await store.take("one", 3, 4, 30_000)) == 1
    assert await store.take("one", 3, 4, 30_000) == []
    assert len(await store.take("two", 3, 4, 30_000)) == 3, "each channel has its own"


async def test_mutes_of_rules_and_turns_of_workers(stage: Stage) -> None:
    store, _ = stage
    await store.mute_rule(RULE, 17)
    assert await store.muted_rules() == {RULE: 17}
    await store.mute_rule(RULE, 0)
    assert await store.muted_rules() == {RULE: 0}
    assert [await store.my_turn("x", 60_000) for _ in range(3)] == [True, False, False]
    assert await store.my_turn("y", 60_000)


async def test_open_ones_are_found_without_reading_those_that_are_over(stage: Stage) -> None:
    store, _ = stage
    first, second = episode(), episode(START_MS + 1)
    await store.turn(await store.slot("one", SERIES), 1, first, notice(first), [], untold=True)
    await store.turn(await store.slot("two", SERIES), 2, second, notice(second), [])
    assert [one.episode.id for one in await store.open()] == [second.id, first.id]
    over = replace(second, state="resolved", resolved_at_ms=START_MS + 2)
    assert await store.turn(await store.slot("two", SERIES), 3, over, notice(over, "resolve"), [])
    (left,) = await store.open()
    assert (left.episode, left.untold) == (first, True)
    assert [one.episode for one in await store.remembered([over.id, "nobody", first.id])] == [over, first]
    assert await store.remembered([]) == []
    again = replace(over, state="open", resolved_at_ms=None, raises=2)
    assert await store.turn(await store.slot("two", SERIES), 4, again, notice(again), [])
    assert len(await store.open()) == 2


async def test_what_is_over_for_long_is_forgotten_and_its_slot_with_it(stage: Stage) -> None:
    store, _ = stage
    first, second = episode(), episode(START_MS + 1)
    for rule, found in (("one", first), ("two", second)):
        await store.turn(await store.slot(rule, SERIES), START_MS * 1_000, found, notice(found), [])
    over = replace(first, state="resolved", resolved_at_ms=START_MS + 5)
    await store.turn(await store.slot("one", SERIES), START_MS * 1_000 + 1, over, notice(over, "resolve"), [])
    assert await store.forget(START_MS + 5) == 0
    assert await store.forget(START_MS + 6) == 1
    assert [one.episode for one in await store.episodes()] == [second]
    assert (await store.slot("one", SERIES)).applied == 0
    assert (await store.slot("two", SERIES)).episode == second, "an open one keeps its slot"
    assert await store.turn(await store.slot("one", SERIES), 7, over, notice(over), []), "and it can be taken again"


async def test_the_longest_waiting_of_many_is_taken_first_and_what_failed_lets_others_by(stage: Stage) -> None:
    store, clock = stage
    for n in range(5):
        mine = episode(START_MS + n)
        await store.turn(await store.slot(f"r{n}", SERIES), (START_MS - 9 + n) * 1_000, mine, notice(mine), ["one"])
    (first,) = await store.take("one", 1, 20, 30_000)
    assert first.notice.raised_at_ms == START_MS
    await store.put_off("one", first, 5_000)
    others = await store.take("one", 9, 20, 30_000)
    assert [one.notice.raised_at_ms - START_MS for one in others] == [1, 2, 3, 4]
    clock.now += 5_000
    (again,) = await store.take("one", 9, 20, 30_000)
    assert (again.notice, again.attempts) == (first.notice, 1)


async def test_what_a_streamer_without_the_index_owed_is_delivered(redis_url: str) -> None:
    redis = await open_redis(redis_url, Limits(), turn_codec, prefix=next(PREFIXES))
    store, mine = RedisEpisodes(redis.shared), episode()
    key = f"{redis.shared.prefix}:{{alerts}}:out:one"

    async def owe(kind: str, number: int) -> None:
        row = f"{number}|0|0|0|{mine.id}|{json.dumps(notice(mine, kind).to_json())}"
        await redis.shared.primary.ask([("HSET", key, notice(mine, kind).id, row)])

    await owe("resolve", 2)
    await owe("raise", 1)
    for kind in ("raise", "resolve"):
        (taken,) = await store.take("one", 5, 20, 30_000)
        assert taken.notice.kind == kind
        await store.delivered("one", taken)
    assert await store.owed(["one"]) == {"one": 0}
    other = episode(START_MS + 1)
    await store.turn(await store.slot(RULE, SERIES), 9, other, notice(other), ["one"])
    await redis.shared.primary.ask([("HDEL", key, notice(other).id)])  # and beside it, one that takes
    await owe("raise", 1)
    assert await store.take("one", 5, 20, 30_000) == []
    (taken,) = await store.take("one", 5, 20, 30_000)
    assert taken.notice.episode == mine.id
    await redis.close()
