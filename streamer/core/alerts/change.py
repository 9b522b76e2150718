"""Records of the feed into what Redis keeps of a lane: where sessions stand, hourly sums, detectors, proposals.

Rule: a pure function of what was kept and what came. Whoever keeps it compares and sets: nothing of a change holds
unless all of it does, so a record that comes again finds its session standing and changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from streamer.core.alerts.counts import HOUR_MS, Place, moved, settled, settled_by_closing
from streamer.core.alerts.fold import SeriesState, advance, born, enters
from streamer.core.alerts.lane import (
    JUDGED,
    OTHER,
    Change,
    KeptState,
    Lane,
    LanePolicy,
    Looked,
    Seen,
    Standing,
    newest_name,
    of_lane,
    state_name,
)
from streamer.core.alerts.observation import Decision, Observation
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Hit

RATIONALE_KEPT_CHARS = 600
"""Of a bad verdict, for reasons."""


def ordered(seen: Iterable[Seen]) -> list[Seen]:
    """By event hour, ties by the session's number: an order that knows nothing of labels (simulated: blocks of 50
    sorted by label raise false alarms 20 times as often)."""
    return sorted(seen, key=lambda one: (one.observation.at_ms // HOUR_MS, one.observation.u))


def changed(lane: Lane, seen: Iterable[Seen], kept: Looked, policy: LanePolicy, now_ms: int) -> Change:
    """What these records do to the lane. `now_ms` only numbers states, and tells how late a record is folded."""
    work = _Work(lane, kept, policy)
    for one in ordered(seen):
        work.take(one)
    return work.change(now_ms)


class _Work:
    """A lane while records are folded into it."""

    def __init__(self, lane: Lane, kept: Looked, policy: LanePolicy) -> None:
        self._lane, self._kept, self._policy = lane, kept, policy
        self._rules = [rule for rule in policy.rules if rule.judge == lane.judge]
        self._labels = policy.labels.get(lane.judge, ())
        self._standings: dict[str, Standing] = {}
        self._states: dict[str, SeriesState] = {}
        self._looked: dict[str, SeriesState] = {}
        self._change = Change(lane=lane)
        self._proposals: list[tuple[str, AlertRule, Observation, Proposal]] = []

    def take(self, seen: Seen) -> None:
        observation = self._bounded(of_lane(seen))
        old = self._standing(observation.session)
        new = self._placed(old, observation, seen.decision)
        if seen.decision is None and not old.tested and self._tested(observation):
            new = new._replace(tested=True)
        if new == old:
            return
        self._standings[observation.session] = new
        self._count(old, new)
        if new.place is not None and new.place != old.place and new.place.outcome != "gone":
            self._note_series(new.place, observation.at_ms)
            if new.place.outcome == "hit":
                self._note_hit(observation)

    def change(self, now_ms: int) -> Change:
        change = self._change
        for session, standing in self._standings.items():
            raw = standing.encoded()
            if raw != (before := self._kept.standings.get(session, b"")):
                change.standings[session] = (before, raw, standing.place.hour if standing.place else 0)
        numbers: dict[str, int] = {}
        for name in self._states:
            n = self._kept.states[name].n if name in self._kept.states else 0
            numbers[name] = max(n + 1, now_ms * 1_000)
            change.states[name] = (n, KeptState(numbers[name], self._states[name].encoded()))
        change.proposals = [
            {
                **proposal.to_json(),
                "n": numbers[name],
                "severity": rule.severity,
                "late_ms": max(0, now_ms - seen.published_at_ms),
            }
            for name, rule, seen, proposal in self._proposals
        ]
        return change

    def _bounded(self, seen: Observation) -> Observation:
        """Its series, or the common one where the lane has as many as it may."""
        name = str(seen.series)
        if seen.kind == "retracted" or name in self._kept.known or name in self._change.series:
            return seen
        if self._kept.series + len(self._change.series.keys() - self._kept.known) < self._policy.series_max:
            return seen
        return replace(seen, agent=OTHER, service="", version="")

    def _standing(self, session: str) -> Standing:
        if session not in self._standings:
            raw = self._kept.standings.get(session)
            self._standings[session] = Standing.decoded(raw) if raw else Standing()
        return self._standings[session]

    def _placed(self, old: Standing, seen: Observation, decision: Decision | None) -> Standing:
        if decision is not None:
            place = settled_by_closing(old.place, seen, decision)
        else:
            place = settled(old.place, seen, self._labels)
        if place == old.place:
            return old
        judged = place is not None and place.outcome in JUDGED
        return Standing(place, old.tested, slices_of(seen) if judged else ())

    def _count(self, old: Standing, new: Standing) -> None:
        for where, fields in moved(old.place, new.place).items():
            _add(self._change.counts.setdefault(where, {}), fields)
        if (old.place, old.slices) == (new.place, new.slices):
            return
        for standing, sign in ((old, -1.0), (new, 1.0)):
            if standing.place is not None and standing.slices:
                parent = str(SeriesKey.read(standing.place.series).parent)
                amounts = self._change.slices.setdefault((parent, standing.place.hour), {})
                hit = standing.place.outcome == "hit"
                for name in standing.slices:
                    _add(amounts, {f"{name}|n": sign, **({f"{name}|h": sign} if hit else {})})

    def _tested(self, seen: Observation) -> bool:
        """Whether some rule's detector has taken it."""
        took = False
        for rule in self._rules:
            name = state_name(rule, seen.series.parent)
            state = self._state(name)
            if not enters(rule, state, seen):
                continue
            if state is None:
                state = born(rule, seen, _decoded(self._kept.elders.get(name)))
                self._change.newest[newest_name(rule, seen.series.parent)] = name
            self._states[name] = state
            if (proposal := advance(rule, state, seen)) is not None:
                self._proposals.append((name, rule, seen, proposal))
            took = True
        return took

    def _state(self, name: str) -> SeriesState | None:
        if name not in self._looked and (found := _decoded(self._kept.states.get(name))) is not None:
            self._looked[name] = found
        return self._states.get(name, self._looked.get(name))

    def _note_series(self, place: Place, at_ms: int) -> None:
        first, last = self._change.series.get(place.series, (at_ms, at_ms))
        self._change.series[place.series] = (min(first, at_ms), max(last, at_ms))

    def _note_hit(self, seen: Observation) -> None:
        hit = Hit(seen.session, seen.session_id, seen.first_trace_id, seen.at_ms, "", seen.version)
        if self._policy.text:
            said = seen.rationale[:RATIONALE_KEPT_CHARS]
            hit = hit._replace(rationale=said, quote=seen.quote, turn=seen.quote_turn)
        self._change.hits.setdefault(str(seen.series.parent), []).append(hit)


def _decoded(kept: KeptState | None) -> SeriesState | None:
    """One that another version of streamer wrote is learned anew."""
    try:
        return SeriesState.decoded(kept.raw) if kept else None
    except ValueError:
        return None


def slices_of(seen: Observation) -> tuple[str, ...]:
    """Under what a judged conversation is counted, to tell which part of the traffic is worse: once under each model
    and tool that it has used."""
    named = (
        ("version", seen.version),
        ("environment", seen.environment),
        ("service", seen.service if seen.agent else ""),
        *(("model", name) for name in seen.models),
        *(("tool", name) for name in seen.tools),
    )
    return tuple(f"{dimension}={value}" for dimension, value in named if value)


def _add(into: dict[str, float], amounts: Mapping[str, float]) -> None:
    for name, amount in amounts.items():
        into[name] = into.get(name, 0.0) + amount
