"""One conversation into one series: the detector that a rule names, as a pure step.

Rule: only first verdicts of live sessions in the hash sample enter a test. A judge's second word about a session is
not independent of its first (15 % of them counted again halve the conversations per false alarm), and sessions that an
error brings in are no sample. That a first verdict is interim does not matter: it is the first, and it is one.

A state belongs to a rule and a series of all versions (`Observation.series.parent`); versions are tested within it.
Redelivered and republished first verdicts are the business of whoever keeps the states: a set of sessions, as long as
Kafka may repeat them.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.core.alerts.observation import SAMPLED, Observation
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertKind, AlertRule

STATE_VERSION = 1


@dataclass(slots=True, kw_only=True)
class SeriesState:
    """What a rule remembers of a series: some 3 kB of JSON."""

    kind: AlertKind
    sampled: dict[str, float] = field(default_factory=dict)
    """Rule of inclusion → the share that it samples, as last seen."""
    detector: dict[str, Any] = field(default_factory=dict)

    def encoded(self) -> bytes:
        value = [STATE_VERSION, self.kind, self.sampled, self.detector]
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, raw: bytes) -> "SeriesState":
        """ValueError if another version wrote it: the state is to be built anew from the feed."""
        version, kind, sampled, detector = json.loads(raw)
        if version != STATE_VERSION:
            raise ValueError(f"a state of version {version}; this streamer reads {STATE_VERSION}")
        return cls(kind=kind, sampled=sampled, detector=detector)


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
    new = deepcopy(state) if state is not None else born(rule, seen, elder)
    return Folded(new, advance(rule, new, seen))


def born(rule: AlertRule, seen: Observation, elder: SeriesState | None) -> SeriesState:
    """The state of a series before its first conversation."""
    return SeriesState(kind=rule.kind)


def advance(rule: AlertRule, state: SeriesState, seen: Observation) -> Proposal | None:
    """`fold` in place, of a record that enters: for whoever replays millions."""
    if seen.reason in SAMPLED:
        state.sampled[seen.inclusion_rule] = seen.probability
    return None


def new_normal(rule: AlertRule, state: SeriesState) -> SeriesState:
    """Somebody has said that the open episode's share is what is usual from now on."""
    return state
