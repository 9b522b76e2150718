"""What people say about alerts, on a real Redis: list, mute, accept, try the channels, shares."""

import time
from collections.abc import AsyncIterator
from itertools import count

import pytest

from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.redis_sessions.episodes import RedisEpisodes
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.adapters.system_clock import SystemClock
from streamer.app import alerts as app
from streamer.app.alerting import policy_of
from streamer.core import turn_codec
from streamer.core.alerts.episode import Episode, proposed
from streamer.core.alerts.notice import notice_of
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.series import SeriesKey
from streamer.core.lifecycle import Limits
from streamer.errors import ConfigurationError
from streamer.loops.folding import Folding
from streamer.settings import Settings
from tests.alert_feed import JUDGE, records, verdict
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.services.receiver import Receiver

PREFIXES = (f"commands{n}" for n in count())
RULE = f"{JUDGE}-spike"
KEY = SeriesKey("default", "refund-bot", "1.0", JUDGE, "v1")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisConnection]:
    made = await open_redis(redis_url, Limits(), turn_codec, prefix=next(PREFIXES))
    yield made
    await made.close()


def settings_of(receiver: Receiver | None = None) -> Settings:
    url = receiver.url if receiver else "http://127.0.0.1:1"
    channels = (
        {"name": "hook", "type": "webhook", "url": url},
        {"name": "chat", "type": "apprise"},
    )
    secrets = {"hook": "key", "chat": "nonsense"}
    return Settings.of({"channels": channels, "alerting": {"secrets": secrets}}, {})


async def opened(redis: RedisConnection) -> Episode:
    store, now_ms = RedisEpisodes(redis.shared), time.time_ns() // 1_000_000
    raised = Proposal("raise", RULE, str(KEY), now_ms, now_ms - 60_000, 40, 12, 0.3, 0.05, (0.2, 0.4))
    episode = proposed(None, raised, "warn", now_ms).episode
    assert episode is not None
    slot = await store.slot(RULE, str(KEY.parent))
    assert await store.turn(slot, 1, episode, notice_of(episode, "raise", now_ms), ["hook"])
    return episode


async def test_an_episode_or_a_rule_is_muted_and_nothing_else(redis: RedisConnection) -> None:
    settings, episode, until_ms = settings_of(), await opened(redis), time.time_ns() // 1_000_000 + 60_000
    assert await app.mute(redis, settings, episode.id, until_ms) == "episode"
    ((kept, notice, _),), rules = await app.episodes(redis)
    assert (kept.muted_until_ms, rules) == (until_ms, {})
    assert notice is not None
    assert await app.mute(redis, settings, RULE, until_ms) == "rule"
    assert (await app.episodes(redis))[1] == {RULE: until_ms}
    assert await app.mute(redis, settings, RULE, 0) == "rule"
    assert (await app.episodes(redis))[1] == {}
    with pytest.raises(ConfigurationError, match="no episode and no rule"):
        await app.mute(redis, settings, "nobody", until_ms)


async def test_the_new_normal_ends_the_episode_and_owes_the_channels_that(redis: RedisConnection) -> None:
    settings, episode = settings_of(), await opened(redis)
    await app.accept(redis, settings, episode.id)
    ((kept, _, _),), _ = await app.episodes(redis)
    assert (kept.state, kept.ending) == ("resolved", "new_normal")
    assert await RedisEpisodes(redis.shared).owed(["hook", "chat"]) == {"hook": 2, "chat": 1}
    with pytest.raises(ConfigurationError, match="no open episode"):
        await app.accept(redis, settings, episode.id)


async def test_every_channel_is_tried_and_says_what_it_answered(receiver: Receiver) -> None:
    hook, chat = await app.send_test(settings_of(receiver))
    assert (hook.ok, hook.said) == (True, "200 OK")
    assert (chat.ok, "knows no address" in chat.said) == (False, True)
    assert receiver.got[0].value["kind"] == "test"


async def test_shares_of_every_series_the_busiest_first(redis: RedisConnection) -> None:
    now_ms, store = time.time_ns() // 1_000_000, RedisSeries(redis.shared)
    policy = policy_of(settings_of())
    folding = Folding(policy, store, None, SystemClock(), SilentMetrics(), SilentJournal())  # type: ignore[arg-type]
    values = [verdict(f"a{n}", now_ms, "unresolved" if n < 5 else "resolved") for n in range(20)]
    await folding.fold(records([*values, verdict("b", now_ms - 3 * 3_600_000, "resolved", agent="other-bot")]))
    first, second = await app.series_lines(redis)
    assert (first.series, second.series.who) == (KEY, "other-bot")
    assert (first.shares["1h"].share, first.shares["1h"].judged) == (0.25, 20)
    assert (second.shares["1h"].share, second.shares["24h"].share) == (None, 0.0)
