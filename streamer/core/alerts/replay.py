"""A history through rules: when they would have raised, and resolved.

Rule: it is the same step as the monitor's, over records in the order of their conversations' ends, ties of a minute
broken by the session's hash. An order that depends on the verdict makes false alarms: blocks of 50 sorted by verdict
one in 13,000 conversations instead of one in 300,000.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from streamer.core.alerts.detector import Detector
from streamer.core.alerts.episode import SILENT_MS, Episode, proposed, waited
from streamer.core.alerts.fold import SeriesState, advance, born, enters, given_up
from streamer.core.alerts.observation import Observation
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
PAUSE_MS_MAX = 3 * DAY_MS
"""A longer silence, as between two files or by a wrong clock, says nothing of the traffic; a long weekend does."""
REMEMBERED_H = 49
"""So long a session that was seen is known again. Its first verdict published again has the same time."""


def order_of(seen: Observation) -> tuple[int, str, int]:
    """What to sort by. Of one session the record that was published first comes first."""
    return seen.at_ms // MINUTE_MS, seen.session, seen.published_at_ms


@dataclass(slots=True)
class Track:
    """A rule on a series, all along."""

    rule: AlertRule
    series: SeriesKey
    state: SeriesState
    conversations: int = 0
    hits: int = 0
    span_ms: int = 0
    """From the first conversation to the last, without what pauses exceed PAUSE_MS_MAX."""
    last_ms: int = 0
    greatest: dict[int, float] = field(default_factory=dict)
    """Day → the most that M came to outside of episodes: what false alarms are estimated from."""
    days: dict[int, list[int]] = field(default_factory=dict)
    """Day → conversations, hits; hours would be too many for years."""
    stands: Episode | None = None
    episodes: list[Episode] = field(default_factory=list)

    def add(self, seen: Observation) -> None:
        day = seen.at_ms // DAY_MS
        before = self._m()
        proposal = advance(self.rule, self.state, seen)
        if self.conversations:
            self.span_ms += min(max(0, seen.at_ms - self.last_ms), PAUSE_MS_MAX)
        self.conversations += 1
        self.last_ms = max(self.last_ms, seen.at_ms)
        hit = self.rule.hit(seen.value) if seen.value is not None else True
        self.hits += hit
        cell = self.days.setdefault(day, [0, 0])
        cell[0] += 1
        cell[1] += hit
        if before is not None:
            self.greatest[day] = max(self.greatest.get(day, 0.0), before)
        if proposal is not None:
            changed = proposed(self.stands, proposal, self.rule.severity, now_ms=0).episode
            self._keep(changed)

    def _m(self) -> float | None:
        """M before the step, None within an episode and before there is a baseline."""
        watch = self.state.watch
        if not isinstance(watch, Detector) or watch.ongoing is not None or not watch.baseline.is_ready:
            return None
        return watch.evidence.m

    def watch(self, event_ms: int) -> None:
        """The feed has come to `event_ms`; a series that fell silent long before took its episode with it."""
        if self.stands is not None and self.stands.state == "open" and event_ms - self.last_ms >= SILENT_MS:
            self._keep(waited(self.stands, self.last_ms + SILENT_MS, self.last_ms, 0).episode)
            self.state = given_up(self.rule, self.state)

    def _keep(self, episode: Episode | None) -> None:
        if episode is None or episode is self.stands:
            return
        if self.stands is not None and episode.id == self.stands.id:
            self.episodes[-1] = episode
        else:
            self.episodes.append(episode)
        self.stands = episode


@dataclass(slots=True)
class Replay:
    rules: Sequence[AlertRule]
    tracks: dict[tuple[str, SeriesKey], Track] = field(default_factory=dict)
    repeated: int = 0
    """Records of sessions that were counted already."""
    outside: int = 0
    """Verdicts that a rule is about and that are not in its sample."""
    newest_ms: int = 0
    _latest: dict[tuple[str, SeriesKey], SeriesKey] = field(default_factory=dict)
    """By rule and series without the judge's version: the latest one."""
    _known: set[tuple[str, str, str]] = field(default_factory=set)
    """Sessions that were counted, for each judge and version of it; by hour in `_begun`."""
    _begun: dict[int, list[tuple[str, str, str]]] = field(default_factory=dict)

    def add(self, seen: Observation) -> None:
        """One record; in order (`order_of`)."""
        event_ms, self.newest_ms = self.newest_ms, max(self.newest_ms, seen.at_ms)
        wanted = [rule for rule in self.rules if rule.takes(seen)]
        entering = [rule for rule in wanted if enters(rule, self._state(rule, seen), seen)]
        if not entering:
            self.outside += bool(wanted) and seen.kind == "verdict" and seen.origin == "live" and seen.is_first
            return
        if self._is_known(seen):
            self.repeated += 1
            return
        for rule in entering:
            track = self._track(rule, seen)
            track.watch(event_ms)
            track.add(seen)

    def finish(self) -> list[Episode]:
        """All episodes, in the order of their raises."""
        for track in self.tracks.values():
            track.watch(self.newest_ms)
        return sorted(self._episodes(), key=lambda one: (one.raised_at_ms, one.rule, one.series))

    def _episodes(self) -> Iterator[Episode]:
        for track in self.tracks.values():
            yield from track.episodes

    def _state(self, rule: AlertRule, seen: Observation) -> SeriesState | None:
        track = self.tracks.get((rule.name, seen.series.parent))
        return track.state if track else None

    def _track(self, rule: AlertRule, seen: Observation) -> Track:
        series = seen.series.parent
        track = self.tracks.get((rule.name, series))
        if track is None:
            of_any = (rule.name, series._replace(judge_version=""))
            elder = self.tracks.get((rule.name, self._latest[of_any])) if of_any in self._latest else None
            track = Track(rule, series, born(rule, seen, elder.state if elder else None))
            if elder is not None and elder.stands is not None and elder.stands.state == "open":
                track.stands, track.episodes = elder.stands, [elder.episodes.pop()]
                track.last_ms, elder.stands = elder.last_ms, None
            self.tracks[rule.name, series] = track
            self._latest[of_any] = series
        return track

    def _is_known(self, seen: Observation) -> bool:
        """Whether the session was counted for this judge; remembers it otherwise."""
        hour, key = seen.at_ms // HOUR_MS, (seen.session, seen.judge, seen.judge_version)
        if key in self._known:
            return True
        if hour not in self._begun:
            for old in [one for one in self._begun if one < hour - REMEMBERED_H]:
                self._known.difference_update(self._begun.pop(old))
        self._begun.setdefault(hour, []).append(key)
        self._known.add(key)
        return False
