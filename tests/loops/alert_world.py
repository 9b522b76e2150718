"""Notify and channels on fakes, whose calls may not come back: before they are done, or after."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.lane import Change, Lane
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.loops.delivering import Delivering
from streamer.loops.notify import Notify, Told
from streamer.loops.storytelling import Storyteller
from tests import alert_feed
from tests.fakes.episode_store import FakeEpisodes
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.series_store import FakeSeries

START_MS = 1_800_000_000_000
KEY = SeriesKey("default", "refund-bot", "2.0", alert_feed.JUDGE, alert_feed.JUDGE_VERSION)
LANE = Lane(KEY.tenant, KEY.judge)
RULE = "spike"


class Clock:
    def __init__(self, now_ms: int = START_MS) -> None:
        self.now = now_ms

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
        self.rules: Sequence[AlertRule] = ()

    def notify(self) -> Notify:
        told = [Told(channel.name, "warn") for channel in self.channels]
        series = Crashing(self.series, self._rng, self._share)
        link = lambda tenant, trace: f"http://m/{tenant}/{trace}"  # noqa: E731
        teller = Storyteller(self.series, link, gap_ms=900_000, text=True)
        episodes = Crashing(self.episodes, self._rng, self._share)
        return Notify(series, episodes, told, teller, self.clock, SilentMetrics(), SilentJournal(), self.rules)

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
