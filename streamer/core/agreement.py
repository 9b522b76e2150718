"""How far a judge agrees with people, and with itself.

Rule: figures speak of all judged sessions, by the weights of the pairs (core/pairs.py). How well they are
known says core/strata.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.core.pairs import Pair
from streamer.core.shares import Interval, Weighted
from streamer.core.strata import Portion, Stratified


class Kappa(NamedTuple):
    """Agreement beyond what chance would give: 1 is all, 0 is chance."""

    kappa: float
    interval: Interval


@dataclass(slots=True)
class OfLabel:
    """`precision`: of the sessions that the judge gives this label, those that people give it too. `recall`: of those
    that people give it, those that the judge does. `judge` and `people`: how large a share each gives it."""

    precision: Weighted = field(default_factory=Weighted)
    recall: Portion = field(default_factory=Portion)
    judge: Stratified = field(default_factory=Stratified)
    people: Stratified = field(default_factory=Stratified)


@dataclass(slots=True)
class Agreement:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(verdict, label) → sessions that were labelled."""
    weights: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """(verdict, label) → sessions that these stand for."""
    raw: Stratified = field(default_factory=Stratified)
    labels: dict[str, OfLabel] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> "Agreement":
        made = cls()
        names = sorted({pair.verdict for pair in pairs} | {pair.label for pair in pairs})
        made.labels = {name: OfLabel() for name in names}
        for pair in pairs:
            verdict, label, stratum, weight = pair.verdict, pair.label, pair.stratum, pair.weight
            same = verdict == label
            made.counts[verdict, label] += 1
            made.weights[verdict, label] += weight
            made.raw.add(stratum, same, weight)
            made.labels[verdict].precision.add(same, weight)
            for name, one in made.labels.items():
                here = label == name
                one.recall.add(stratum, hit=here and same, miss=here and not same, weight=weight)
                one.judge.add(stratum, verdict == name, weight)
                one.people.add(stratum, here, weight)
        return made

    @property
    def kappa(self) -> Kappa | None:
        """Cohen's (1960): (observed - chance) / (1 - chance), over weighted shares. Its interval takes chance for
        known, as Cohen's own standard error does, and puts the limits of the observed agreement in, so that it has a
        width also where nobody disagreed. None where both only ever say one and the same thing."""
        observed, limits = self.raw.share, self.raw.interval
        if observed is None or limits is None:
            return None
        chance = sum((one.judge.share or 0.0) * (one.people.share or 0.0) for one in self.labels.values())
        return _kappa(observed, limits, chance)


class Answers(NamedTuple):
    """What was said of one session, several times. Sessions may have different numbers of answers."""

    said: Sequence[str]
    stratum: str = ""
    weight: float = 1.0


def fleiss(answers: Iterable[Answers]) -> Kappa | None:
    """Fleiss' kappa (1971): of two answers to one session, how much oftener they are the same than chance would have
    it. Its interval is made as Cohen's above. None where there is only one answer ever, or none twice."""
    agreed = Stratified()
    shares: defaultdict[str, float] = defaultdict(float)
    for said, stratum, weight in answers:
        n = len(said)
        if n < 2:
            continue
        counted = Counter(said)
        agreed.add(stratum, sum(k * (k - 1) for k in counted.values()) / (n * (n - 1)), weight)
        for value, k in counted.items():
            shares[value] += weight * k / n
    if agreed.share is None or agreed.interval is None:
        return None
    return _kappa(agreed.share, agreed.interval, sum((share / agreed.weight) ** 2 for share in shares.values()))


def flips(answers: Iterable[Answers]) -> Stratified:
    """The share of sessions that did not get the same answer every time."""
    share = Stratified()
    for said, stratum, weight in answers:
        if len(said) > 1:
            share.add(stratum, len(set(said)) > 1, weight)
    return share


def _kappa(observed: float, limits: Interval, chance: float) -> Kappa | None:
    if 1 - chance < 1e-12:
        return None
    low, high = ((limit - chance) / (1 - chance) for limit in limits)
    return Kappa((observed - chance) / (1 - chance), Interval(low, high))
