"""What an alert tells beside its figures, read from what the monitor keeps at the moment of the raise."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streamer.alert_ports import SeriesStore
from streamer.core.alerts.counts import HOUR_MS
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.lane import JUDGED, Lane
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Tally, examples, explaining, reasons

NEW_MS = 48 * HOUR_MS
"""A version that was first seen so long before the change may be its cause."""
RATE_HOURS = 24

Link = Callable[[str, str], str]
"""Tenant and MLflow's trace id → an address, or nothing."""


class Storyteller:
    def __init__(self, series: SeriesStore, link: Link, *, gap_ms: int, text: bool) -> None:
        self._series, self._link, self._gap_ms, self._text = series, link, gap_ms, text

    async def story(self, episode: Episode) -> dict[str, Any]:
        """By field of core/alerts/notice.Notice."""
        key = SeriesKey.read(episode.series)
        lane, parent = Lane(key.tenant, key.judge), str(key.parent)
        index = {SeriesKey.read(name): times for name, times in (await self._series.index(lane)).items()}
        family = {one: times for one, times in index.items() if str(one.parent) == parent}
        first, last = episode.since_ms // HOUR_MS, episode.raised_at_ms // HOUR_MS
        slices = dict(await self._series.slices(lane, parent, first, last))
        whole = await self._judged(lane, family, first, last)
        rate = (await self._judged(lane, family, last - RATE_HOURS, last - 1)).judged / RATE_HOURS
        hits = await self._series.hits(lane, parent)
        if key.version is not None:
            hits = [hit for hit in hits if hit.version == key.version] or hits
        since = [hit for hit in hits if hit.at_ms >= episode.since_ms]
        told = examples(hits, episode.since_ms, text=self._text)
        return {
            "explained_by": explaining(slices, whole, episode.baseline),
            **_new_version(family, episode.since_ms),
            "reasons": reasons([hit.rationale for hit in since]) if self._text else (),
            "examples": told,
            "links": tuple(self._link(key.tenant, one.trace_id) for one in told),
            "late_ms": round(self._gap_ms + episode.conversations / rate * HOUR_MS) if rate else None,
        }

    async def _judged(self, lane: Lane, family: Mapping[SeriesKey, Sequence[int]], first: int, last: int) -> Tally:
        """All versions together."""
        found: Counter[str] = Counter()
        for series, (_, last_ms) in family.items():
            if last_ms // HOUR_MS >= first:
                for sums in (await self._series.hours(lane, str(series), first, last)).values():
                    found.update({outcome: sums.get(f"n:{outcome}", 0.0) for outcome in JUDGED})
        return Tally(float(found["hit"]), float(found["hit"] + found["miss"]))


def _new_version(family: Mapping[SeriesKey, Sequence[int]], since_ms: int) -> dict[str, Any]:
    """The newest version, where there was another one before and it is about as young as the change."""
    named = sorted((times[0], series.version) for series, times in family.items() if series.version)
    if len(named) < 2 or named[-1][0] < since_ms - NEW_MS:
        return {}
    return {"new_version": named[-1][1], "new_version_since_ms": named[-1][0]}
