"""An episode: from the first raise of a series to its resolve, as people are told of it.

Rule: every transition is a pure function of the episode that stands (None where there is none) and of what happened;
whoever stores it does so by compare-and-set, and tells what `tell` says in the same step. A transition that happened
before changes nothing and tells nothing.

| stands | raise | resolve | mute | asked | answered |
|---|---|---|---|---|---|
| none | open, tell raise | – | – | – | – |
| open | – | resolved, tell resolve | until then nothing is told | tell ask, once | new normal: resolved, tell resolve |
| resolved under 2 h ago | open again, tell raise | – | as open | – | – |
| resolved before that | another episode, tell raise | – | – | – | – |
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import Severity
from streamer.core.ids import digest

HOUR_MS = 3_600_000
REOPEN_MS = 2 * HOUR_MS
"""A raise so soon after the resolve is the same incident."""
ASK_MS = 72 * HOUR_MS
"""An episode so old may be the new normal. Somebody is asked; it is never assumed."""
SILENT_MS = 24 * HOUR_MS
"""A series without a single conversation for so long cannot resolve itself."""

EpisodeState = Literal["open", "resolved"]
Tell = Literal["raise", "resolve", "ask"]
Ending = Literal["", "recovered", "new_normal", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Times are the conversations', ms since the Unix epoch; those of mute, ask and `told` are the wall clock's."""

    id: str
    rule: str
    series: str
    severity: Severity
    state: EpisodeState
    raised_at_ms: int
    since_ms: int
    """Estimated begin of the change."""
    resolved_at_ms: int | None = None
    ending: Ending = ""
    raises: int = 1
    conversations: int = 0
    hits: int = 0
    share: float = 0.0
    share_after: float | None = None
    """Of a resolved one: of the conversations that showed the recovery; None where there were none."""
    baseline: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)
    muted_until_ms: int = 0
    asked_at_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Episode":
        """Of what `to_json` gave, and of earlier versions that knew fewer fields."""
        return cls(**{**value, "interval": tuple(value["interval"])})

    def is_muted(self, now_ms: int) -> bool:
        return now_ms < self.muted_until_ms


class Changed(NamedTuple):
    """What stands now, and what is to be told; `tell` None where nothing is."""

    episode: Episode | None
    tell: Tell | None = None


def episode_id(rule: str, series: str, raised_at_ms: int) -> str:
    """The same on every worker and in every replay: 16 hex digits."""
    return digest((rule, series, str(raised_at_ms))).hex()[:16]


def proposed(stands: Episode | None, proposal: Proposal, severity: Severity, now_ms: int) -> Changed:
    """A detector's raise or resolve. `now_ms` is the wall clock's, for the mute."""
    if proposal.kind == "raise":
        return _raised(stands, proposal, severity, now_ms)
    if stands is None or stands.state != "open" or proposal.at_ms < stands.raised_at_ms:
        return Changed(stands)
    after = proposal.share if proposal.conversations else None
    ended = replace(stands, state="resolved", resolved_at_ms=proposal.at_ms, ending="recovered", share_after=after)
    return Changed(ended, _unless_muted(stands, "resolve", now_ms))


def _raised(stands: Episode | None, proposal: Proposal, severity: Severity, now_ms: int) -> Changed:
    if stands is not None and stands.state == "open":
        return Changed(stands)
    if stands is not None and stands.resolved_at_ms is not None:
        if proposal.at_ms <= stands.resolved_at_ms:
            return Changed(stands)  # a replay of what is over
        if proposal.at_ms - stands.resolved_at_ms <= REOPEN_MS:
            again = replace(
                stands,
                state="open",
                resolved_at_ms=None,
                ending="",
                share_after=None,
                raises=stands.raises + 1,
                **_figures(proposal),
            )
            return Changed(again, _unless_muted(stands, "raise", now_ms))
    fresh = Episode(
        id=episode_id(proposal.rule, proposal.series, proposal.at_ms),
        rule=proposal.rule,
        series=proposal.series,
        severity=severity,
        state="open",
        raised_at_ms=proposal.at_ms,
        since_ms=proposal.since_ms,
        muted_until_ms=stands.muted_until_ms if stands else 0,
        **_figures(proposal),
    )
    return Changed(fresh, _unless_muted(fresh, "raise", now_ms))


def _figures(proposal: Proposal) -> dict[str, Any]:
    names = ("conversations", "hits", "share", "baseline", "interval")
    return {name: getattr(proposal, name) for name in names}


def muted(stands: Episode, until_ms: int) -> Changed:
    """Nothing of it, nor of the series' next ones, is told before `until_ms`; 0 takes that back."""
    return Changed(replace(stands, muted_until_ms=until_ms))


def waited(stands: Episode, event_ms: int, last_seen_ms: int, now_ms: int) -> Changed:
    """Time has passed. `event_ms` is the feed's, `last_seen_ms` that of the series' newest conversation.

    Asks whether this is the new normal, once; ends an episode that nothing can end any more.
    """
    if stands.state != "open":
        return Changed(stands)
    if event_ms - last_seen_ms >= SILENT_MS:
        ended = replace(stands, state="resolved", resolved_at_ms=event_ms, ending="silent")
        return Changed(ended, _unless_muted(stands, "resolve", now_ms))
    if stands.asked_at_ms is None and event_ms - stands.raised_at_ms >= ASK_MS and not stands.is_muted(now_ms):
        return Changed(replace(stands, asked_at_ms=now_ms), "ask")
    return Changed(stands)


def accepted(stands: Episode, event_ms: int) -> Changed:
    """Somebody has said that this is the new normal: the detector is told, too (fold.new_normal). `event_ms`: the
    series' newest conversation. Told also where it is muted: an end wakes nobody, and what waits for one is closed."""
    if stands.state != "open":
        return Changed(stands)
    ended = replace(stands, state="resolved", resolved_at_ms=max(event_ms, stands.raised_at_ms), ending="new_normal")
    return Changed(ended, "resolve")


def _unless_muted(stands: Episode, tell: Tell, now_ms: int) -> Tell | None:
    return None if stands.is_muted(now_ms) else tell
