"""What Redis keeps of a lane, and what is asked of it. core/alerts/change.py decides what becomes of it.

A lane is one judge on one tenant: a session may move between its series (a new version, another agent, a new version
of the judge) and is still counted once. Everything of a lane lies in one bucket, so that one Lua call changes it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from streamer.core.alerts.counts import (
    Deltas,
    Place,
)
from streamer.core.alerts.observation import Decision, Observation
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Hit
from streamer.core.feed_text import joined
from streamer.core.ids import BUCKETS, digest

OTHER = "other"
"""Who says what series beyond the most allowed have in common."""
JUDGED = ("hit", "miss")


class Lane(NamedTuple):
    tenant: str
    judge: str

    @property
    def id(self) -> str:
        """In keys: 16 hex digits."""
        return _digest(self).hex()[:16]

    @property
    def bucket(self) -> int:
        return _digest(self)[0] % BUCKETS

    def __str__(self) -> str:
        return joined(self.tenant, self.judge)

    @classmethod
    def read(cls, text: str) -> "Lane":
        """The inverse of `str`."""
        tenant, judge = map(unquote, text.split("|"))
        return cls(tenant, judge)


class Seen(NamedTuple):
    """An observation as one lane sees it; of a closing, the judge's decision."""

    observation: Observation
    decision: Decision | None = None


class Standing(NamedTuple):
    """What is kept of a session in a lane."""

    place: Place | None = None
    """None: a detector has taken it, and nothing more is known."""
    tested: bool = False
    slices: tuple[str, ...] = ()
    """`dimension=value` under which it is counted."""

    def encoded(self) -> bytes:
        return json.dumps([self.place, self.tested, self.slices], separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, raw: bytes) -> "Standing":
        place, tested, slices = json.loads(raw)
        return cls(Place(*place) if place else None, tested, tuple(slices))


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePolicy:
    """What the monitor goes by."""

    rules: tuple[AlertRule, ...]
    labels: Mapping[str, tuple[str, ...]]
    """The bad ones of each judge, for shares."""
    series_max: int = 1_000
    text: bool = True
    """Rationales of bad verdicts are kept for alerts."""


class KeptState(NamedTuple):
    """A detector's state and the number that whoever replaces it must name."""

    n: int
    raw: bytes


@dataclass(slots=True, kw_only=True)
class Looked:
    """What Redis keeps now of what is asked for; absent is new."""

    standings: Mapping[str, bytes]
    states: Mapping[str, KeptState]
    elders: dict[str, KeptState]
    """By state's name, that of the judge's former version, where the state is new."""
    known: frozenset[str]
    """Series of those asked for that the lane's index has."""
    series: int
    """How many the index has."""


@dataclass(slots=True, kw_only=True)
class Change:
    """What is to be set, and what must not have changed meanwhile."""

    lane: Lane
    standings: dict[str, tuple[bytes, bytes, int]] = field(default_factory=dict)
    """Session → what was looked at, what is to stand, the hour of its conversation."""
    states: dict[str, tuple[int, KeptState]] = field(default_factory=dict)
    """Name → number looked at, new state."""
    counts: Deltas = field(default_factory=dict)
    slices: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    """By parent series and hour: `dimension=value|h` bad ones, `…|n` judged ones."""
    hits: dict[str, list[Hit]] = field(default_factory=dict)
    series: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Series → first and last conversation, ms."""
    newest: dict[str, str] = field(default_factory=dict)
    """`newest_name` → state's name."""
    proposals: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.standings or self.states or self.proposals)


def lanes_of(seen: Observation) -> Iterable[tuple[Lane, Seen]]:
    """Which lanes a record concerns. A probe's concern none: no share counts them."""
    if seen.origin == "probe":
        return []
    if seen.kind != "closing":
        return [(Lane(seen.tenant, seen.judge), Seen(seen))]
    waiting = [one for one in seen.decisions if one.state == "deferred" and one.revision == 0]
    return [(Lane(seen.tenant, one.judge), Seen(seen, one)) for one in waiting]


def state_name(rule: AlertRule, parent: SeriesKey) -> str:
    """A rule that is changed in what it counts begins anew; one that only fires at another time goes on."""
    return f"{_counting(rule)}|{parent}"


@lru_cache(maxsize=1_000)  # asked for with every verdict
def _counting(rule: AlertRule) -> str:
    of = (rule.judge, rule.kind, *rule.labels, rule.tenant, rule.agent, rule.service, rule.version, rule.environment)
    return digest((rule.name, str(rule.refusals), *(str(one) for one in of))).hex()[:8]


@lru_cache(maxsize=10_000)
def _digest(lane: Lane) -> bytes:
    return digest(lane)


def newest_name(rule: AlertRule, parent: SeriesKey) -> str:
    """The same for all versions of a judge."""
    return state_name(rule, parent._replace(judge_version=""))


def parent_of(name: str) -> str:
    """The series of all versions that a `state_name` is of."""
    return name.partition("|")[2]


def newest_of(name: str) -> str:
    """`newest_name` of the same rule and series as this `state_name`."""
    rule, _, parent = name.partition("|")
    return f"{rule}|{SeriesKey.read(parent)._replace(judge_version='')}"


def of_lane(seen: Seen) -> Observation:
    """A closing names its judges only within."""
    if seen.decision is None:
        return seen.observation
    return replace(seen.observation, judge=seen.decision.judge, judge_version=seen.decision.judge_version)


class Wanted(NamedTuple):
    """What `changed` will want to know of a lane. `elders`: state's name → what names that of the former version."""

    lane: Lane
    sessions: Sequence[str]
    states: Sequence[str]
    series: Sequence[str]
    elders: Mapping[str, str]


def wanted(lane: Lane, seen: Sequence[Seen], rules: Sequence[AlertRule]) -> Wanted:
    sessions = dict.fromkeys(one.observation.session for one in seen)
    elders: dict[str, str] = {}
    series: dict[str, None] = {}
    for one in seen:
        if one.observation.kind == "retracted":
            continue
        key = of_lane(one).series
        series[str(key)] = None
        if one.decision is None and one.observation.is_first:
            for parent in (key.parent, key._replace(who=OTHER, version=None)):
                elders |= {
                    state_name(rule, parent): newest_name(rule, parent) for rule in rules if rule.takes(one.observation)
                }
    return Wanted(lane, list(sessions), list(elders), list(series), elders)
