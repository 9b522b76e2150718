"""One raise and one resolve, whoever dies, however often it is proposed, and however many workers see it."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from streamer.alert_ports import Waiting
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.lane import Change, Lane, LanePolicy
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.series import SeriesKey
from streamer.errors import PermanentError, TransientError
from streamer.loops.delivering import Delivering
from streamer.loops.folding import Folding
from streamer.loops.notify import Notify, Told
from streamer.loops.storytelling import Storyteller
from tests import alert_feed
from tests.alert_feed import records, verdict
from tests.fakes.episode_store import FakeEpisodes
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.series_store import FakeSeries

START_MS = 1_800_000_000_000
KEY = SeriesKey("default", "refund-bot", "2.0", alert_feed.JUDGE, alert_feed.JUDGE_VERSION)
LANE = Lane(KEY.tenant, KEY.judge)
RULE = "spike"


class Clock:
    def __init__(self) -> None:
        self.now = START_MS

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        await asyncio.sleep(0)


class Chat:
    """A channel that keeps what it is told, and fails when it is told to."""

    def __init__(self, name: str = "chat", *, forgets: bool = False) -> None:
        self.name, self.forgets = name, forgets
        self.got: list[Notice] = []
        self.fails: list[Exception] = []

    async def send(self, notice: Notice) -> str:
        if self.fails:
            raise self.fails.pop(0)
        self.got.append(notice)
        return "ok"

    async def close(self) -> None: ...

    @property
    def told(self) -> Counter[str]:
        """How often of each kind, repetitions of one notice once."""
        return Counter(kind for _, kind in {(one.id, one.kind) for one in self.got})


class Crash(BaseException):
    pass


class Crashing:
    """A store whose calls may not come back: before they are done, or after."""

    def __init__(self, inner: Any, rng: random.Random, share: float) -> None:
        self._inner, self._rng, self._share = inner, rng, share

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*given: Any, **named: Any) -> Any:
            for _ in range(self._rng.randrange(3)):
                await asyncio.sleep(0)
            if self._rng.random() < self._share:
                raise Crash
            done = await method(*given, **named)
            if self._rng.random() < self._share:
                raise Crash
            return done

        return call


class World:
    def __init__(self, *, channels: Sequence[Chat] = (), rng: random.Random | None = None, share: float = 0.0) -> None:
        self.clock = Clock()
        self.series, self.episodes = FakeSeries(), FakeEpisodes(self.clock)
        self.channels = channels or (Chat(),)
        self._rng, self._share = rng or random.Random(0), share
        self._n = 0

    def notify(self) -> Notify:
        told = [Told(channel.name, "warn") for channel in self.channels]
        series = Crashing(self.series, self._rng, self._share)
        link = lambda tenant, trace: f"http://m/{tenant}/{trace}"  # noqa: E731
        teller = Storyteller(self.series, link, gap_ms=900_000, text=True)
        episodes = Crashing(self.episodes, self._rng, self._share)
        return Notify(series, episodes, told, teller, self.clock, SilentMetrics(), SilentJournal())

    def delivering(self, channel: Chat) -> Delivering:
        episodes = Crashing(self.episodes, self._rng, self._share)
        silent = (SilentMetrics(), SilentJournal())
        return Delivering(channel, episodes, self.clock, *silent, per_minute=1_000, resend_ms=60_000)

    async def propose(self, kind: str, at_ms: int, rule: str = RULE, late_ms: int = 0) -> None:
        said = Proposal(kind, rule, str(KEY), at_ms, at_ms - HOUR_MS, 40, 12, 0.3, 0.05, (0.2, 0.4))  # type: ignore[arg-type]
        self._n += 1
        value = {**said.to_json(), "n": self._n, "severity": "warn", "late_ms": late_ms}
        await self.series.apply([Change(lane=LANE, proposals=[value])])

    async def settle(self, passes: int = 3) -> None:
        for _ in range(passes):
            await self.notify().step()
            for channel in self.channels:
                await self.delivering(channel).step()

    @property
    def open(self) -> list[Episode]:
        return [one.episode for one in self.episodes.kept.values() if one.episode.state == "open"]


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


async def test_an_alert_tells_its_slice_reasons_examples_and_how_late_it_can_be() -> None:
    world = World()
    values = [verdict(f"old{n}", START_MS - (n % 20 + 2) * HOUR_MS, "resolved") for n in range(200)]
    values += [verdict(f"a{n}", START_MS - 60_000 * n, "resolved") for n in range(40)]
    values += [
        verdict(f"b{n}", START_MS - 60_000 * n, "unresolved", version="2.0", rationale=f"Refund {n} never arrived.")
        for n in range(20)
    ]
    policy = LanePolicy(rules=(), labels={alert_feed.JUDGE: ("unresolved",)})
    store = world.series
    await Folding(policy, store, None, world.clock, SilentMetrics(), SilentJournal()).fold(records(values))  # type: ignore[arg-type]
    await world.propose("raise", START_MS)
    await world.settle()
    (told,) = world.channels[0].got
    assert told.explained_by is not None
    assert (told.explained_by.dimension, told.explained_by.value, told.explained_by.hits) == ("version", "2.0", 20)
    assert told.new_version == "2.0"
    assert "refund" in told.reasons[0].words
    assert len(told.examples) == 3
    assert told.examples[0].quote.startswith("Refund ")
    assert told.links[0] == f"http://m/default/{told.examples[0].trace_id}"
    assert told.late_ms is not None
    assert told.late_ms > 900_000


async def test_without_text_nothing_that_was_said_leaves() -> None:
    world = World()
    values = [verdict(f"b{n}", START_MS - 60_000 * n, "unresolved", rationale="Secret words.") for n in range(20)]
    policy = LanePolicy(rules=(), labels={alert_feed.JUDGE: ("unresolved",)}, text=False)
    folding = Folding(policy, world.series, None, world.clock, SilentMetrics(), SilentJournal())  # type: ignore[arg-type]
    await folding.fold(records(values))
    assert "Secret" not in repr(world.series.kept_hits)
    await world.propose("raise", START_MS)
    await world.settle()
    assert "Secret" not in json.dumps(world.channels[0].got[0].to_json())
    assert len(world.channels[0].got[0].examples) == 3
