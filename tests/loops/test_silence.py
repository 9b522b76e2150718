"""A series that falls silent in the middle of an episode."""

import pytest

from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.lane import Lane, LanePolicy, state_name
from streamer.core.alerts.rule import AlertKind, AlertRule
from streamer.loops.folding import Folding
from streamer.loops.notify import STATES_KEPT_MS
from tests import alert_feed
from tests.alert_feed import records, verdict
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.alert_world import KEY, LANE, RULE, START_MS, World

LEARNED_H = 20 * 24


def another(world: World, last_ms: int) -> None:
    """A series of others, so that the feed's time goes on."""
    world.series.indexes[Lane("another", KEY.judge)] = {str(KEY._replace(tenant="another")): (0, last_ms)}


async def fold(world: World, rule: AlertRule, name: str, from_ms: int, every_ms: int, n: int, bad_every: int) -> None:
    """So many conversations, told an hour after the last; each `bad_every`th is bad."""
    world.clock.now = from_ms + every_ms * n + HOUR_MS
    policy = LanePolicy(rules=(rule,), labels={})
    folding = Folding(policy, world.series, None, world.clock, SilentMetrics(), SilentJournal())  # type: ignore[arg-type]
    said = ("unresolved" if i % bad_every == 0 else "resolved" for i in range(n))
    told = [verdict(f"{name}{i}", from_ms + every_ms * i, value) for i, value in enumerate(said)]
    await folding.fold(records([{**one, "published_at_ms": world.clock.now} for one in told]))
    await world.settle()


@pytest.mark.parametrize("kind", ["spike", "limit"])
async def test_it_is_told_again_where_it_speaks_again_and_is_still_bad(kind: AlertKind) -> None:
    """A weekend ends the episode; the detector, which would think itself in it still, has to hear of that."""
    world, limit = World(), 0.5 if kind == "limit" else None
    rule = AlertRule(name=RULE, judge=alert_feed.JUDGE, labels=("unresolved",), kind=kind, limit_share=limit)
    world.rules = (rule,)
    await fold(world, rule, "usual", START_MS - LEARNED_H * HOUR_MS, HOUR_MS // 5, LEARNED_H * 5, 20)
    await fold(world, rule, "friday", START_MS, 10_000, 100, 1)
    another(world, START_MS + 40 * HOUR_MS)
    world.clock.now = START_MS + 41 * HOUR_MS
    await world.settle()
    await fold(world, rule, "monday", START_MS + 64 * HOUR_MS, 10_000, 100, 1)
    told = [(one.kind, one.ending) for one in world.channels[0].got]
    assert told == [("raise", ""), ("resolve", "silent"), ("raise", "")]


async def test_a_clock_that_is_ahead_makes_no_other_series_silent() -> None:
    world = World()
    await world.propose("raise", START_MS)
    await world.settle()
    world.series.indexes[LANE] = {str(KEY): (START_MS, START_MS)}
    another(world, START_MS + 25 * HOUR_MS)
    world.clock.now += HOUR_MS
    await world.settle()
    assert len(world.open) == 1
    world.clock.now += 24 * HOUR_MS
    await world.settle()
    assert [one.ending for one in world.channels[0].got] == ["", "silent"]


async def test_a_series_that_ended_is_forgotten_once_its_episode_is_over() -> None:
    world, rule = World(), AlertRule(name=RULE, judge=alert_feed.JUDGE, labels=("unresolved",))
    world.rules = (rule,)
    await fold(world, rule, "usual", START_MS - LEARNED_H * HOUR_MS, HOUR_MS // 5, LEARNED_H * 5, 20)
    await fold(world, rule, "bad", START_MS, 10_000, 100, 1)
    state = (LANE, state_name(rule, KEY.parent))
    for _ in range(2):  # nothing else speaks, so nobody says that it is silent
        world.series.now_ms = world.clock.now = world.clock.now + STATES_KEPT_MS + HOUR_MS
        await world.settle()
        assert len(world.open) == 1
        assert state in world.series.states
        assert world.series.indexes[LANE]
    another(world, world.clock.now)
    for _ in range(2):
        world.series.now_ms = world.clock.now = world.clock.now + HOUR_MS
        await world.settle()
    assert [one.ending for one in world.channels[0].got] == ["", "silent"]
    assert not world.series.indexes[LANE]
    world.series.now_ms = world.clock.now = world.clock.now + STATES_KEPT_MS + HOUR_MS
    await world.settle()
    assert state not in world.series.states
    assert LANE not in await world.series.lanes()
