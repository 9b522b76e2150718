"""What the contract of SeriesStore stands on: a fake, a Redis and a Redis Cluster, and records folded into them."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest

from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.alert_ports import SeriesStore
from streamer.core import turn_codec
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.lane import Lane, LanePolicy
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.core.lifecycle import Limits
from streamer.core.wire.records import DeadLetter
from streamer.loops.folding import Folding
from tests import alert_feed
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.series_store import FakeSeries
from tests.loops.alert_world import Clock
from tests.services.redis_cluster import RedisCluster

PREFIXES = (f"series{n}" for n in count())
RULE = AlertRule(name="spike", judge=alert_feed.JUDGE, labels=("unresolved",))
POLICY = LanePolicy(rules=(RULE,), labels={alert_feed.JUDGE: ("unresolved",)})
LANE = Lane("default", alert_feed.JUDGE)
STORES = ("fake", "redis", "cluster")


class Letters:
    def __init__(self) -> None:
        self.put_so_far: list[DeadLetter] = []

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        self.put_so_far += letters


@asynccontextmanager
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[SeriesStore]:
    """The store that a fixture of `STORES` asks for."""
    if request.param == "fake":
        yield FakeSeries()
        return
    if request.param == "cluster":
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        url = cluster.url
    else:
        url = request.getfixturevalue("redis_url")
    redis = await open_redis(url, Limits(), turn_codec, prefix=next(PREFIXES))
    yield RedisSeries(redis.shared)
    await redis.close()


async def now_of(store: SeriesStore) -> int:
    return await store.time_ms() or 1_800_000_000_000


def folding(store: SeriesStore, letters: Letters | None = None, policy: LanePolicy = POLICY) -> Folding:
    return Folding(policy, store, letters or Letters(), Clock(10**12), SilentMetrics(), SilentJournal())


async def counted(store: SeriesStore, now_ms: int) -> Counter[tuple[str, str]]:
    """By series and outcome, over 7 days."""
    found: Counter[tuple[str, str]] = Counter()
    newest = now_ms // HOUR_MS
    for lane in await store.lanes():
        for series in await store.index(lane):
            for sums in (await store.hours(lane, series, newest - 168, newest)).values():
                for field, amount in sums.items():
                    if field.startswith("n:"):
                        found[series, field[2:]] += round(amount)
    return +found


def series(version: str = "1.0", agent: str = "refund-bot", judge_version: str = alert_feed.JUDGE_VERSION) -> str:
    return str(SeriesKey("default", agent, version, alert_feed.JUDGE, judge_version))
