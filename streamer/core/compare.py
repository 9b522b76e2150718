"""Two parts of the feed beside each other: versions, agents, models …, or two judges on the same sessions.

Rule: a session counts once for a judge, by the record with the greatest token; a failure replaces no verdict, and is no
low one. Sessions that were drawn weigh one over their chance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streamer.core.alerts.observation import Observation
from streamer.core.alerts.rule import as_label
from streamer.core.compared import Compared, Difference, Dimension, Explained, JudgeCompared, Side
from streamer.core.shares import Interval, Weighted, mean_of, newcombe
from streamer.core.verdict import VerdictValue

EXPLAINED_BY = 10
VALUES_MAX = 12
"""Of one judge; one with more has numbers or free text, of which shares tell nothing."""


class Seen(NamedTuple):
    """What holds of one (session, judge)."""

    token: int
    group: str
    judge_version: str
    label: str | None
    """The verdict; None: it failed, and had not given one before."""
    number: float | None
    weight: float
    session_id: str
    first_trace_id: str
    at_ms: int


class Comparison:
    """`groups`: two values of the dimension; of `judge`, two judges."""

    def __init__(self, by: Dimension, groups: tuple[str, str], judges: frozenset[str] = frozenset()) -> None:
        self._by, self._groups, self._judges = by, groups, judges
        self._seen: dict[tuple[str, str], Seen] = {}
        self._gone: dict[tuple[str, str], int] = {}
        self._closed: dict[str, tuple[int, str, Mapping[str, str]]] = {}
        """By session: token, group, judges that have judged it by version."""
        self._origins: Counter[str] = Counter()
        self._groups_seen: Counter[str] = Counter()
        self._sampled = 0

    def add(self, seen: Observation) -> None:
        if seen.origin == "probe":
            return
        if seen.kind == "closing":
            self._close(seen)
            return
        group = self._group(seen)
        self._groups_seen[group] += 1
        key = (seen.session, seen.judge)
        old = self._seen.get(key)
        if seen.token < max(old.token if old else -1, self._gone.get(key, -1)):
            return
        if group not in self._groups or (self._judges and seen.judge not in self._judges):
            self._seen.pop(key, None)  # it has turned out to be of another group
            return
        if seen.kind == "retracted":
            self._gone[key] = seen.token
            self._seen.pop(key, None)
        elif seen.value is not None or old is None or old.label is None:
            self._origins[seen.origin] += 1
            self._sampled += seen.probability < 1
            self._seen[key] = Seen(
                seen.token,
                group,
                seen.judge_version,
                None if seen.value is None else as_label(seen.value),
                _number(seen.value),
                1 / seen.probability if seen.probability > 0 else 1.0,
                seen.session_id,
                seen.first_trace_id,
                seen.at_ms,
            )

    def _close(self, seen: Observation) -> None:
        if self._by in ("model", "judge", "judge_version"):
            return  # a closing does not tell
        old = self._closed.get(seen.session)
        if old is None or seen.token > old[0]:
            judged = {one.judge: one.judge_version for one in seen.decisions if one.revision > 0}
            self._closed[seen.session] = (seen.token, self._group(seen), judged)

    def _group(self, seen: Observation) -> str:
        return str(getattr(seen, self._by))

    def result(self) -> Compared:
        by_judge: defaultdict[str, list[tuple[str, Seen]]] = defaultdict(list)
        for (session, judge), one in self._seen.items():
            by_judge["" if self._by == "judge" else judge].append((session, one))
        make = self._paired if self._by == "judge" else self._side_by_side
        judges = [make(judge, found) for judge, found in sorted(by_judge.items())]
        return Compared(self._by, self._groups, judges, self._origins, self._sampled, self._groups_seen)

    def _side_by_side(self, judge: str, found: list[tuple[str, Seen]]) -> JudgeCompared:
        parts = [[one for _, one in found if one.group == group] for group in self._groups]
        values = _values(one.label for _, one in found)
        sides = [self._side(judge, group, part, values) for group, part in zip(self._groups, parts, strict=True)]
        differences = [
            Difference(value, b[1] - a[1], newcombe(a[1], sides[0].effective, b[1], sides[1].effective))
            for value in values
            if (a := sides[0].shares.get(value)) and (b := sides[1].shares.get(value))
        ]
        versions = sorted({one.judge_version for _, one in found})
        return JudgeCompared(judge, versions, sides, differences, _explained(judge, differences, parts, self._groups))

    def _side(self, judge: str, group: str, part: list[Seen], values: list[str]) -> Side:
        judged = [one for one in part if one.label is not None]
        side = Side(group, len(judged), len(part) - len(judged))
        totals = Weighted()
        for one in judged:
            totals.add(False, one.weight)
        side.effective = totals.effective
        for value in values:
            one_value = Weighted()
            for one in judged:
                one_value.add(one.label == value, one.weight)
            if one_value.share is not None and one_value.interval is not None:
                count = sum(one.label == value for one in judged)
                side.shares[value] = (count, one_value.share, one_value.interval)
        numbers = [one.number * one.weight for one in judged if one.number is not None]
        if numbers and len(numbers) == len(judged):
            side.mean = sum(numbers) / totals.weight
        closed = [by for _, of, by in self._closed.values() if of == group]
        side.coverage = sum(judge in by for by in closed) / len(closed) if closed else None
        return side

    def _paired(self, _: str, found: list[tuple[str, Seen]]) -> JudgeCompared:
        """Only sessions that both have judged: what differs is the judges, not what they were given."""
        sessions: defaultdict[str, dict[str, Seen]] = defaultdict(dict)
        for session, one in found:
            if one.label is not None:
                sessions[session][one.group] = one
        one_judge, other = self._groups
        pairs = [(by[one_judge], by[other]) for by in sessions.values() if len(by) == 2]
        values = _values(one.label for pair in pairs for one in pair)
        sides = [self._side(group, group, [pair[n] for pair in pairs], values) for n, group in enumerate(self._groups)]
        differences = [_of_pairs(value, pairs) for value in values] if pairs else []
        apart = [pair for pair in pairs if pair[0].label != pair[1].label]
        latest = sorted(apart, key=lambda pair: -pair[0].at_ms)[: EXPLAINED_BY // 2]
        shown = [_shown(one, one.group, one.group) for pair in latest for one in pair]
        versions = sorted({one.judge_version for _, one in found})
        return JudgeCompared(f"{one_judge} and {other}", versions, sides, differences, shown)


def _of_pairs(value: str, pairs: list[tuple[Seen, Seen]]) -> Difference:
    """Of a session that weighs w, the difference counts as often: the mean of what each pair differs by."""
    total = sum(one.weight for one, _ in pairs)
    apart = [(int(b.label == value) - int(a.label == value)) * a.weight * len(pairs) / total for a, b in pairs]
    mean, interval = mean_of(apart) or (0.0, Interval(-1.0, 1.0))
    return Difference(value, mean, Interval(max(-1.0, interval.low), min(1.0, interval.high)))


def _values(found: Iterable[str | None]) -> list[str]:
    """The most frequent first; none where there are too many to be labels."""
    counted = Counter(label for label in found if label is not None)
    return [value for value, _ in counted.most_common()] if len(counted) <= VALUES_MAX else []


def _number(value: VerdictValue | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _explained(
    judge: str, differences: list[Difference], parts: list[list[Seen]], groups: tuple[str, str]
) -> list[Explained]:
    """The latest sessions with the value whose share differs most, from the group that has more of it."""
    if not differences:
        return []
    most = max(differences, key=lambda one: abs(one.difference))
    side = 1 if most.difference > 0 else 0
    of_value = [one for one in parts[side] if one.label == most.value]
    latest = sorted(of_value, key=lambda one: (-one.at_ms, one.session_id))[:EXPLAINED_BY]
    return [_shown(one, groups[side], judge) for one in latest]


def _shown(one: Seen, group: str, judge: str) -> Explained:
    return Explained(one.session_id, one.first_trace_id, group, one.label or "", judge, one.token)
