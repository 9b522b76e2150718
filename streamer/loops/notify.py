"""Proposals of detectors become episodes, and episodes become what channels are owed.

Rule: every change is a compare-and-set on the episode's slot that also owes the channels their notice. So one raise and
one resolve come of a change, whoever dies, however often it is proposed, and however many workers see it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamer.alert_ports import EpisodeStore, SeriesStore, Slot, Waiting
from streamer.core.alerts.baseline import SILENT_H
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.episode import Changed, Episode, proposed, waited
from streamer.core.alerts.fold import given_up
from streamer.core.alerts.lane import Lane
from streamer.core.alerts.notice import Notice, notice_of
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule, Severity
from streamer.core.alerts.series import SeriesKey
from streamer.core.lifecycle import DAY_MS
from streamer.errors import TransientError
from streamer.loops.storytelling import Storyteller
from streamer.loops.telling_detectors import tell_detector
from streamer.ports import Clock, Journal, Metrics

POLL_MS = 250
BACKOFF_MS = 1_000
UNTOLD_MS = 2_000
WATCH_MS = 60_000
SWEEP_MS = 3_600_000
LATE_MS = 600_000
"""From a verdict's publication to its fold: more is a backlog, of a first start, an outage or a rebuild."""
EPISODES_KEPT_MS = 90 * DAY_MS
SERIES_KEPT_MS = 8 * DAY_MS
"""The longest window that people read, and the day that runs: nothing of a silent series is left to be shown then, and
a new one may need its place (alerting.series_max)."""
STATES_KEPT_MS = SERIES_KEPT_MS + SILENT_H * HOUR_MS
"""A detector that was silent for so long begins anew anyhow (core/alerts/baseline.py)."""
TOLD_FIRST: Mapping[Severity, int] = {"warn": 0, "critical": 1}


class Told(NamedTuple):
    """A channel, and the least severity that it is told of."""

    channel: str
    severity: Severity


class Notify:
    def __init__(
        self,
        series: SeriesStore,
        episodes: EpisodeStore,
        told: Sequence[Told],
        storyteller: Storyteller,
        clock: Clock,
        metrics: Metrics,
        journal: Journal,
        rules: Sequence[AlertRule] = (),
    ) -> None:
        """`rules`: whose detectors are told where an episode is ended here."""
        self.rules = rules
        self._series, self._episodes, self._told, self._storyteller = series, episodes, told, storyteller
        self._clock, self._metrics, self._journal = clock, metrics, journal
        self._interrupted_by = ""

    async def step(self) -> int:
        """All that is proposed now; returns how many ms to wait."""
        try:
            for waiting in await self._series.proposals():
                if not await self._decide(waiting):
                    break  # again from this one: a later proposal of the same slot must not overtake it
                await self._series.drop(waiting)
            if await self._episodes.my_turn("untold", UNTOLD_MS):
                await self._tell_untold()
            if await self._episodes.my_turn("watch", WATCH_MS):
                await self._watch()
            if await self._episodes.my_turn("tidy", SWEEP_MS):
                await self._sweep()
        except TransientError as error:
            if str(error) != self._interrupted_by:  # an outage of an hour is one line
                self._interrupted_by = str(error)
                self._journal.say("warning", "notify_interrupted", cause=str(error))
            return error.retry_after_ms or BACKOFF_MS
        self._interrupted_by = ""
        return POLL_MS

    async def _decide(self, waiting: Waiting) -> bool:
        """Whether the proposal is done with; False where somebody else changed the episode meanwhile."""
        value = json.loads(waiting.raw)
        proposal = Proposal(**{name: value[name] for name in Proposal._fields})
        slot = await slot_of(self._episodes, proposal)
        if value["n"] <= slot.applied:
            return True  # a worker that had done it died before it could take it away
        changed = proposed(slot.episode, proposal, value["severity"], self._clock.now_ms())
        return await self._turn(slot, value["n"], changed, is_late=value["late_ms"] > LATE_MS)

    async def _turn(self, slot: Slot, applied: int, changed: Changed, *, is_late: bool = False) -> bool:
        """Set what has changed, and owe what is to be told. What a backlog raised is told when that is done, and what
        it raised and resolved is not told at all."""
        episode, tell = changed
        notice, channels, untold = slot.notice, list[str](), slot.untold
        if episode is not None and tell is not None:
            notice = await self._notice(episode, tell)
            untold = is_late if tell == "raise" else untold and episode.state == "open"
            if not (untold or (slot.untold and tell == "resolve")):
                channels = await self._reached(episode)
        elif episode is not None and (slot.episode is None or slot.episode.id != episode.id):
            notice = await self._notice(episode, "raise")  # muted: it may be unmuted while it is open
        if not await self._episodes.turn(slot, applied, episode, notice, channels, untold=untold):
            return False
        if episode is not None and episode != slot.episode:
            self._say(episode, told=bool(channels))
        return True

    async def _reached(self, episode: Episode) -> list[str]:
        return await reached(self._episodes, self._told, episode, self._clock.now_ms())

    async def _tell_untold(self) -> None:
        """What a backlog raised, and has not resolved."""
        untold = [one.episode for one in await self._episodes.open() if one.untold]
        for episode in untold if untold and await self._episodes.is_current() else ():
            slot = await slot_of(self._episodes, episode)
            if slot.untold and slot.episode == episode and slot.notice is not None:
                channels = [] if episode.is_muted(self._clock.now_ms()) else await self._reached(episode)
                await self._episodes.turn(slot, slot.applied, episode, slot.notice, channels)

    async def _notice(self, episode: Episode, tell: str) -> Notice:
        now_ms = self._clock.now_ms()
        if tell == "raise":
            return notice_of(episode, "raise", now_ms, **await self._storyteller.story(episode))
        return notice_of(episode, "resolve" if tell == "resolve" else "ask", now_ms)

    def _say(self, episode: Episode, *, told: bool) -> None:
        self._metrics.count("episodes", state=episode.state)
        is_open = episode.state == "open"
        self._journal.say(
            "warning" if is_open else "info",
            "episode_open" if is_open else "episode_resolved",
            episode=episode.id,
            rule=episode.rule,
            series=episode.series,
            share=round(episode.share, 3),
            baseline=round(episode.baseline, 3),
            told=told,
        )

    async def _watch(self) -> None:
        """What only time can tell: an old episode, a series that is silent."""
        indexes = {lane: await self._series.index(lane) for lane in await self._series.lanes()}
        newest_ms = max((last for index in indexes.values() for _, last in index.values()), default=0)
        event_ms = min(newest_ms, self._clock.now_ms())  # one trace with a clock ahead must not make others silent
        episodes = [one.episode for one in await self._episodes.open()]
        for episode in episodes:
            slot = await slot_of(self._episodes, episode)
            if slot.episode is None or slot.episode.id != episode.id:
                continue
            last_ms = last_seen(indexes, SeriesKey.read(episode.series)) or episode.raised_at_ms
            changed = waited(slot.episode, event_ms, last_ms, self._clock.now_ms())
            if changed.episode is not None and changed.episode != slot.episode:
                if changed.episode.ending == "silent":
                    await tell_detector(self._series, self.rules, episode, given_up, self._clock)
                await self._turn(slot, slot.applied, changed)
        self._metrics.gauge("episodes_open", len(episodes))
        self._metrics.gauge("series", sum(map(len, indexes.values())))

    async def _sweep(self) -> None:
        """What nobody needs any more goes; an open episode keeps its series and its detector."""
        now_ms = await self._series.time_ms()
        keep = {str(SeriesKey.read(one.episode.series).parent) for one in await self._episodes.open()}
        for lane in await self._series.lanes():
            await self._series.sweep(lane, now_ms - SERIES_KEPT_MS, now_ms - STATES_KEPT_MS, keep)
        await self._episodes.forget(now_ms - EPISODES_KEPT_MS)


def last_seen(indexes: Mapping[Lane, Mapping[str, tuple[int, int]]], key: SeriesKey) -> int:
    """Of a series, or of all versions where it stands for them."""
    index = indexes.get(Lane(key.tenant, key.judge), {})
    mine = ((SeriesKey.read(name), times) for name, times in index.items())
    return max((last for one, (_, last) in mine if key in (one, one.parent)), default=0)


async def slot_of(episodes: EpisodeStore, what: Proposal | Episode) -> Slot:
    """A raise may name one version, and the next one all of them: they are one family's, and one incident."""
    return await episodes.slot(what.rule, str(SeriesKey.read(what.series).parent))


async def set_by_person(
    episodes: EpisodeStore, episode: Episode, changed: Changed, told: Sequence[Told], now_ms: int
) -> bool:
    """A mute, its end, or that this is the new normal: that is told to every channel that hears of such a raise, muted
    or not, unless the raise was never told. False where the episode has changed meanwhile."""
    slot = await slot_of(episodes, episode)
    if slot.episode != episode or changed.episode is None:
        return False
    if changed.tell is None:
        return await episodes.turn(slot, slot.applied, changed.episode, slot.notice, (), untold=slot.untold)
    notice = notice_of(changed.episode, "resolve", now_ms)
    channels = [] if slot.untold else _of_severity(told, episode)
    return await episodes.turn(slot, slot.applied, changed.episode, notice, channels)


async def reached(episodes: EpisodeStore, told: Sequence[Told], episode: Episode, now_ms: int) -> list[str]:
    """Channels that are told of it now."""
    if (await episodes.muted_rules()).get(episode.rule, 0) > now_ms:
        return []
    return _of_severity(told, episode)


def _of_severity(told: Sequence[Told], episode: Episode) -> list[str]:
    return [one.channel for one in told if TOLD_FIRST[episode.severity] >= TOLD_FIRST[one.severity]]
