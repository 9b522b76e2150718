"""One conversation into one series: the detector that a rule names, as a pure step.

Rule: only first verdicts of live sessions in the hash sample enter a test. A judge's second word about a session is
not independent of its first (15 % of them counted again halve the conversations per false alarm), and sessions that an
error brings in are no sample. That a first verdict is interim does not matter: it is the first, and it is one.

A state belongs to a rule and a series of all versions (`Observation.series.parent`); versions are tested within it.
Redelivered and republished first verdicts are the business of whoever keeps the states: a set of sessions, as long as
Kafka may repeat them.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.core.alerts import codec
from streamer.core.alerts.baseline import Baseline
from streamer.core.alerts.beside import BesideWatch
from streamer.core.alerts.detector import HOUR_MS, Detector
from streamer.core.alerts.limit import LimitWatch
from streamer.core.alerts.observation import SAMPLED, Observation
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertKind, AlertRule

STATE_VERSION = 1


Watch = Detector | LimitWatch | BesideWatch


@dataclass(slots=True, kw_only=True)
class SeriesState:
    """What a rule remembers of a series: some 3 kB of JSON."""

    kind: AlertKind
    watch: Watch
    sampled: dict[str, float] = field(default_factory=dict)
    """Rule of inclusion → the share that it samples, as last seen."""

    def encoded(self) -> bytes:
        content = codec.written(self.watch) if isinstance(self.watch, Detector) else self.watch.to_json()
        return json.dumps([STATE_VERSION, self.kind, self.sampled, content], separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, raw: bytes) -> "SeriesState":
        """ValueError if another version wrote it: the state is to be built anew from the feed."""
        version, kind, sampled, content = json.loads(raw)
        if version != STATE_VERSION:
            raise ValueError(f"a state of version {version}; this streamer reads {STATE_VERSION}")
        return cls(kind=kind, watch=_READ[kind](content), sampled=sampled)

    def copy(self) -> "SeriesState":
        return self.decoded(self.encoded())


_READ: dict[AlertKind, Callable[[list[Any]], Watch]] = {
    "spike": codec.read,
    "limit": LimitWatch.from_json,
    "version": BesideWatch.from_json,
}


class Folded(NamedTuple):
    """`state` is the one given, itself, where nothing changed: there is nothing to write then."""

    state: SeriesState | None
    proposal: Proposal | None = None


def enters(rule: AlertRule, state: SeriesState | None, seen: Observation) -> bool:
    """Whether the record is one that the rule's test takes."""
    if seen.kind == "verdict":
        speaks = seen.value is not None
    else:
        speaks = rule.refusals and seen.kind == "failure" and seen.failure == "refused"
    if not (speaks and seen.origin == "live" and seen.is_first and rule.takes(seen)):
        return False
    return seen.in_sample_of(state.sampled.get(seen.inclusion_rule) if state else None)


def fold(rule: AlertRule, state: SeriesState | None, seen: Observation, elder: SeriesState | None = None) -> Folded:
    """The state after a record, and what the detector proposes. `state` is not changed; None: the series is new.

    `elder` is read only where the series is new: the state under the judge's former version, whose share is a first
    guess. Without it the series begins with nothing.
    """
    if not enters(rule, state, seen):
        return Folded(state)
    new = state.copy() if state is not None else born(rule, seen, elder)
    return Folded(new, advance(rule, new, seen))


def born(rule: AlertRule, seen: Observation, elder: SeriesState | None) -> SeriesState:
    """The state of a series before its first conversation. An episode of the judge's former version goes on: its
    resolve names the series that was raised."""
    match rule.kind:
        case "limit":
            return SeriesState(kind=rule.kind, watch=LimitWatch())
        case "version":
            return SeriesState(kind=rule.kind, watch=BesideWatch())
        case "spike":
            hour = seen.at_ms // HOUR_MS
            if elder is None or not isinstance(elder.watch, Detector):
                return SeriesState(kind=rule.kind, watch=Detector(Baseline.begun(hour)))
            heir = Detector(elder.watch.baseline.heir(hour), ongoing=deepcopy(elder.watch.ongoing))
            return SeriesState(kind=rule.kind, watch=heir, sampled=dict(elder.sampled))


def advance(rule: AlertRule, state: SeriesState, seen: Observation) -> Proposal | None:
    """`fold` in place, of a record that enters: for whoever replays millions."""
    if seen.reason in SAMPLED:
        state.sampled[seen.inclusion_rule] = seen.probability
    hit = seen.kind == "failure" or (seen.value is not None and rule.hit(seen.value))
    return state.watch.step(rule, seen.series, seen.at_ms, hit)


def new_normal(rule: AlertRule, state: SeriesState) -> SeriesState:
    """Somebody has said that the open episode's share is what is usual from now on."""
    new = state.copy()
    if rule.kind == "spike" and isinstance(new.watch, Detector):
        new.watch.accept()
    return new


def given_up(_: AlertRule, state: SeriesState) -> SeriesState:
    """The open episode fell silent and was ended: if the series speaks again, and is still bad, that is to be told."""
    new = state.copy()
    new.watch.give_up()
    return new
