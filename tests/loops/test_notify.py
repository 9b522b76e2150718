"""One raise and one resolve, whoever dies, however often it is proposed, and however many workers see it."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from streamer.alert_ports import Waiting
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.episode import accepted, muted
from streamer.core.alerts.outbox import LEASE_MS, SEND_MS_MAX
from streamer.core.alerts.wording import title
from streamer.errors import PermanentError, TransientError
from streamer.loops.delivering import AT_ONCE, Delivering
from streamer.loops.notify import Told, set_by_person
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.loops.alert_world import RULE, START_MS, Chat, Crash, World


@pytest.mark.parametrize("seed", range(40))
async def test_one_raise_and_one_resolve_whoever_dies_wherever(seed: int) -> None:
    rng = random.Random(seed)
    world = World(channels=(Chat("one"), Chat("two")), rng=rng, share=0.15)

    async def worker() -> None:
        notify, delivering = world.notify(), [world.delivering(channel) for channel in world.channels]
        for _ in range(60):
            try:
                await notify.step()
                for one in delivering:
                    await one.step()
            except Crash:
                notify, delivering = world.notify(), [world.delivering(channel) for channel in world.channels]
            world.clock.now += 1_000

    await world.propose("raise", START_MS)
    await asyncio.gather(worker(), worker())
    await world.propose("resolve", START_MS + HOUR_MS)
    await asyncio.gather(worker(), worker(), worker())
    world._share = 0.0
    world.clock.now += 60_000
    await world.settle()
    assert [channel.told for channel in world.channels] == [Counter({"raise": 1, "resolve": 1})] * 2
    assert len(world.episodes.kept) == 1
    assert world.series.waiting == []
    assert await world.episodes.owed(["one", "two"]) == {"one": 0, "two": 0}


@pytest.mark.parametrize("seed", range(20))
async def test_where_nobody_dies_nothing_is_sent_twice(seed: int) -> None:
    world = World(rng=random.Random(seed))

    async def worker() -> None:
        notify, delivering = world.notify(), world.delivering(world.channels[0])
        for _ in range(20):
            await notify.step()
            await delivering.step()

    for kind, hours in (("raise", 0), ("resolve", 1), ("raise", 5)):
        await world.propose(kind, START_MS + hours * HOUR_MS)
        await asyncio.gather(*(worker() for _ in range(4)))
    assert [one.kind for one in world.channels[0].got] == ["raise", "resolve", "raise"]


async def test_a_proposal_that_was_acted_on_before_is_only_taken_away() -> None:
    world = World()
    await world.propose("raise", START_MS)
    (waiting,) = world.series.waiting
    await world.settle()
    world.series.waiting = [waiting, Waiting(waiting.bucket, waiting.raw)]
    await world.settle()
    assert world.channels[0].told == {"raise": 1}
    assert world.series.waiting == []


async def test_a_resolve_overtakes_no_raise_that_has_to_be_looked_at_again() -> None:
    world = World()
    turn, lost = world.episodes.turn, [False]

    async def turn_late(*given: Any, **named: Any) -> bool:
        return lost.pop() if lost else await turn(*given, **named)  # somebody was quicker, once

    world.episodes.turn = turn_late  # type: ignore[method-assign]
    await world.propose("raise", START_MS)
    await world.propose("resolve", START_MS + HOUR_MS)
    await world.settle()
    assert [one.kind for one in world.channels[0].got] == ["raise", "resolve"]


async def test_a_raise_soon_after_the_resolve_is_the_same_episode_and_later_another() -> None:
    world = World()
    for kind, hours in (("raise", 0), ("resolve", 1), ("raise", 2), ("resolve", 3), ("raise", 6)):
        await world.propose(kind, START_MS + hours * HOUR_MS)
        await world.settle()
    assert len(world.episodes.kept) == 2
    assert world.channels[0].told == {"raise": 3, "resolve": 2}


async def test_a_dead_channel_delays_no_other_and_loses_nothing() -> None:
    dead, live = Chat("dead"), Chat("live")
    world = World(channels=(dead, live))
    dead.fails = [TransientError("no"), PermanentError("never"), TransientError("no", 5_000)]
    await world.propose("raise", START_MS)
    await world.settle(1)
    assert (live.told, dead.told) == ({"raise": 1}, {})
    await world.propose("resolve", START_MS + HOUR_MS)
    waits = []
    for _ in range(60):
        world.clock.now += 500
        await world.settle(1)
        waits.append(len(dead.got))
    assert [one.kind for one in dead.got] == ["raise", "resolve"]
    assert waits[1] == 0
    assert live.told == {"raise": 1, "resolve": 1}


async def test_an_alert_of_last_week_is_dropped_and_said_so() -> None:
    world = World()
    await world.propose("raise", START_MS)
    await world.notify().step()
    world.clock.now += 8 * 86_400_000
    await world.delivering(world.channels[0]).step()
    assert world.channels[0].got == []
    assert await world.episodes.owed(["chat"]) == {"chat": 0}


async def test_a_muted_rule_opens_its_episode_and_tells_nobody() -> None:
    world = World(channels=(Chat(forgets=True),))
    await world.episodes.mute_rule(RULE, START_MS + HOUR_MS)
    await world.propose("raise", START_MS)
    await world.settle()
    assert len(world.open) == 1
    assert world.channels[0].got == []
    world.clock.now += HOUR_MS + 60_000
    await world.settle()
    assert world.channels[0].told == {"raise": 1}, "Alertmanager is told of what is still open"


async def test_whoever_forgets_is_told_again_until_the_resolve() -> None:
    world = World(channels=(Chat(forgets=True),))
    chat = world.channels[0]
    await world.propose("raise", START_MS)
    for _ in range(10):
        await world.settle(1)
        world.clock.now += 30_000
    assert 5 <= len(chat.got) <= 7
    assert chat.told == {"raise": 1}
    await world.propose("resolve", START_MS + HOUR_MS)
    await world.settle()
    before = len(chat.got)
    for _ in range(10):
        await world.settle(1)
        world.clock.now += 30_000
    assert len(chat.got) == before
    assert chat.got[-1].kind == "resolve"


async def test_one_notice_that_is_refused_keeps_no_other_from_being_repeated() -> None:
    chat = Chat(forgets=True)
    world = World(channels=(chat,))
    for rule in ("one", "two"):
        await world.propose("raise", START_MS, rule)
    await world.settle()
    told = len(chat.got)
    world.clock.now += 61_000
    chat.fails = [PermanentError("400")]
    await world.settle(1)
    assert len(chat.got) == told + 1


async def test_what_a_backlog_raised_is_told_once_that_is_done_and_only_if_it_is_still_open() -> None:
    world = World(channels=(Chat(), Chat("am", forgets=True)))
    for kind, hours in (("raise", 0), ("resolve", 1), ("raise", 10)):
        await world.propose(kind, START_MS + hours * HOUR_MS, late_ms=HOUR_MS)
        await world.settle()
        world.clock.now += 60_000
    assert len(world.episodes.kept) == 2
    assert [chat.got for chat in world.channels] == [[], []]
    await world.episodes.set_current(10_000)
    await world.settle()
    assert [{one.raised_at_ms for one in chat.got} for chat in world.channels] == [{START_MS + 10 * HOUR_MS}] * 2
    await world.propose("resolve", START_MS + 11 * HOUR_MS)
    world.clock.now += 5_000
    await world.settle()
    assert [chat.told for chat in world.channels] == [{"raise": 1, "resolve": 1}] * 2


@pytest.mark.parametrize("mute", ["", "episode", "rule"])
async def test_the_new_normal_is_told_to_whoever_hears_of_such_a_raise_muted_or_not(mute: str) -> None:
    """A pager closes what it had opened; a channel for what is critical had heard nothing, and hears nothing."""
    chat, critical = Chat("chat"), Chat("critical")
    world = World(channels=(chat, critical))
    await world.propose("raise", START_MS)
    await world.settle()
    critical.got.clear()
    (episode,), told = world.open, [Told("chat", "warn"), Told("critical", "critical")]
    if mute == "episode":
        assert await set_by_person(world.episodes, episode, muted(episode, START_MS * 2), (), world.clock.now)
        (episode,) = world.open
    elif mute == "rule":
        await world.episodes.mute_rule(RULE, START_MS * 2)
    changed = accepted(episode, START_MS + HOUR_MS)
    assert await set_by_person(world.episodes, episode, changed, told, world.clock.now)
    assert not await set_by_person(world.episodes, episode, changed, told, world.clock.now)
    await world.settle()
    assert [(one.kind, one.ending) for one in chat.got] == [("raise", ""), ("resolve", "new_normal")]
    assert "accepted as the new normal" in title(chat.got[-1])
    assert critical.got == []
    assert world.open == []


def test_what_is_taken_at_once_is_sent_before_its_lease_ends() -> None:
    assert AT_ONCE * SEND_MS_MAX < LEASE_MS


async def test_an_outage_is_one_line_of_the_log() -> None:
    said: list[str] = []

    class Told(SilentJournal):
        def say(self, level: str, event: str, **fields: object) -> None:
            said.append(event)

    world, outage = World(), [True]

    class Failing:
        def __getattr__(self, name: str) -> Any:
            async def call(*given: Any, **named: Any) -> Any:
                if outage[0]:
                    raise TransientError("Redis does not answer")
                return await getattr(world.episodes, name)(*given, **named)

            return call

    channel = Chat()
    one = Delivering(channel, Failing(), world.clock, SilentMetrics(), Told(), per_minute=9, resend_ms=60_000)
    for outage[0] in (True, True, True, False, True, True):
        await one.step()
    assert said == ["delivery_interrupted"] * 2
