"""Somebody was forgotten: alerts no longer quote their conversation. Counts stay, they say nothing of anybody."""

from dataclasses import replace

from streamer.alert_ports import EpisodeStore, SeriesStore
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.series import SeriesKey
from streamer.loops.notify import slot_of

TRIES = 20
"""A worker that changes the same episode at the same moment is through long before."""


async def strike(series: SeriesStore, episodes: EpisodeStore, tenant: str, session_id: str) -> None:
    """From the bad conversations that are kept for alerts, and from what episodes told. Repeatable."""
    for lane in await series.lanes():
        if lane.tenant == tenant:
            await series.strike(lane, session_id)
    for kept in await episodes.episodes():
        if SeriesKey.read(kept.episode.series).tenant != tenant:
            continue
        for _ in range(TRIES):
            slot = await slot_of(episodes, kept.episode)
            is_last = slot.episode is not None and slot.episode.id == kept.episode.id
            notice = slot.notice if is_last else kept.notice
            if notice is None or (struck := without(notice, session_id)) == notice:
                break
            if not is_last:
                await episodes.retell(kept.episode.id, struck)
                break
            if await episodes.turn(slot, slot.applied, slot.episode, struck, (), untold=slot.untold):
                break


def without(notice: Notice, session_id: str) -> Notice:
    """The same without its example, and its link."""
    left = [
        (example, notice.links[n] if n < len(notice.links) else "")
        for n, example in enumerate(notice.examples)
        if example.session_id != session_id
    ]
    return replace(notice, examples=tuple(one for one, _ in left), links=tuple(link for _, link in left))
