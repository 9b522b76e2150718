"""What people ask about series and episodes, and what they say: mute, accept, a test for every channel."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamer.adapters.redis_sessions import RedisConnection
from streamer.adapters.redis_sessions.episodes import RedisEpisodes
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.adapters.system_clock import SystemClock
from streamer.alert_ports import Channel, Remembered
from streamer.app.alerting import channel_of, rules_of, told_of
from streamer.core.alerts.counts import HOUR_MS, WINDOWS_H, Shares, shares
from streamer.core.alerts.episode import Episode, accepted, muted
from streamer.core.alerts.fold import new_normal
from streamer.core.alerts.lane import Lane
from streamer.core.alerts.notice import trial_notice
from streamer.core.alerts.series import SeriesKey
from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError
from streamer.loops.notify import last_seen, set_by_person
from streamer.loops.telling_detectors import tell_detector
from streamer.settings import Settings

TRIES = 20
"""A worker that changes the same episode at the same moment is through long before."""
HOURS = max(WINDOWS_H.values())


class SeriesLine(NamedTuple):
    series: SeriesKey
    first_ms: int
    last_ms: int
    shares: Mapping[str, Shares]


class Answer(NamedTuple):
    """What a channel said to a test."""

    channel: str
    type: str
    ok: bool
    said: str


async def series_lines(redis: RedisConnection) -> list[SeriesLine]:
    """Every series that is remembered, the busiest first."""
    store, now_ms = RedisSeries(redis.shared), SystemClock().now_ms()
    newest = now_ms // HOUR_MS
    lines = []
    for lane in await store.lanes():
        for name, (first_ms, last_ms) in (await store.index(lane)).items():
            hours = await store.hours(lane, name, newest - HOURS, newest)
            lines.append(SeriesLine(SeriesKey.read(name), first_ms, last_ms, shares(hours, now_ms)))
    return sorted(lines, key=lambda line: (-line.shares["7d"].judged, line.series))


async def episodes(redis: RedisConnection) -> tuple[Sequence[Remembered], Mapping[str, int]]:
    """All that are remembered, the latest raised first; and rules that are muted now, until when."""
    store, now_ms = RedisEpisodes(redis.shared), SystemClock().now_ms()
    rules = {rule: until for rule, until in (await store.muted_rules()).items() if until > now_ms}
    return await store.episodes(), rules


async def mute(redis: RedisConnection, settings: Settings, what: str, until_ms: int) -> str:
    """An episode by its id, or a rule by its name; 0 takes it back. What it was is returned as a word."""
    store = RedisEpisodes(redis.shared)
    for _ in range(TRIES):
        episode = next((one.episode for one in await store.remembered([what])), None)
        if episode is None:
            break
        if await set_by_person(store, episode, muted(episode, until_ms), (), until_ms):
            return "episode"
    if what not in {rule.name for rule in rules_of(settings)} | set(await store.muted_rules()):
        raise ConfigurationError(f"there is no episode and no rule {what!r:.80}: see `streamer alerts list`")
    await store.mute_rule(what, until_ms)
    return "rule"


async def accept(redis: RedisConnection, settings: Settings, name: str) -> Episode:
    """Say that an open episode is the new normal: it ends in every channel, and the detector learns from there."""
    store, series = RedisEpisodes(redis.shared), RedisSeries(redis.shared)
    for _ in range(TRIES):
        found = next((one.episode for one in await store.remembered([name])), None)
        if found is None or found.state != "open":
            raise ConfigurationError(f"there is no open episode {name!r:.80}: see `streamer alerts list`")
        episode, now_ms = found, SystemClock().now_ms()
        key = SeriesKey.read(episode.series)
        lane = Lane(key.tenant, key.judge)
        event_ms = min(now_ms, last_seen({lane: await series.index(lane)}, key) or now_ms)
        await tell_detector(series, rules_of(settings), episode, new_normal, SystemClock())
        if await set_by_person(store, episode, accepted(episode, event_ms), told_of(settings), now_ms):
            return episode
    raise TransientError(f"episode {name} is being changed by others: try again")


async def send_test(settings: Settings) -> list[Answer]:
    """A marked alert to every channel, past the outbox: somebody waits for what each answers."""
    clock = SystemClock()
    notice = trial_notice(clock.now_ms())

    async def one(n: int) -> Answer:
        table = settings.channels[n]
        channel: Channel | None = None
        try:
            channel = channel_of(settings, table, clock)
            return Answer(table.name, table.type, True, await channel.send(notice))
        except (ConfigurationError, TransientError, PermanentError) as error:
            return Answer(table.name, table.type, False, str(error))
        finally:
            if channel is not None:
                await _closed(channel)

    return list(await asyncio.gather(*(one(n) for n in range(len(settings.channels)))))


async def _closed(channel: Channel) -> None:
    try:
        await channel.close()
    except StreamerError:
        return
