"""How far a judge agrees with people, and with itself.

Rule: figures speak of all judged sessions, by the weights of the pairs (core/pairs.py). Shares are Hájek's with
Wilson's interval on Kish's n (core/shares.py).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.core.pairs import Pair
from streamer.core.shares import Interval, Weighted, interval_of


class Kappa(NamedTuple):
    """Agreement beyond what chance would give: 1 is all, 0 is chance."""

    kappa: float
    interval: Interval


@dataclass(slots=True)
class OfLabel:
    """`precision`: of the sessions that the judge gives this label, those that people give it too. `recall`: of those
    that people give it, those that the judge does. `judge` and `people`: how large a share each gives it."""

    precision: Weighted = field(default_factory=Weighted)
    recall: Weighted = field(default_factory=Weighted)
    judge: Weighted = field(default_factory=Weighted)
    people: Weighted = field(default_factory=Weighted)


@dataclass(slots=True)
class Agreement:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(verdict, label) → sessions that were labelled."""
    weights: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """(verdict, label) → sessions that these stand for."""
    raw: Weighted = field(default_factory=Weighted)
    labels: dict[str, OfLabel] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> "Agreement":
        made = cls()
        names = sorted({pair.verdict for pair in pairs} | {pair.label for pair in pairs})
        made.labels = {name: OfLabel() for name in names}
        for pair in pairs:
            verdict, label, weight = pair.verdict, pair.label, pair.weight
            made.counts[verdict, label] += 1
            made.weights[verdict, label] += weight
            made.raw.add(verdict == label, weight)
            made.labels[verdict].precision.add(verdict == label, weight)
            made.labels[label].recall.add(verdict == label, weight)
            for name, one in made.labels.items():
                one.judge.add(verdict == name, weight)
                one.people.add(label == name, weight)
        return made

    @property
    def kappa(self) -> Kappa | None:
        """Cohen's (1960): (observed - chance) / (1 - chance), over weighted shares. Its interval takes chance for
        known, as Cohen's own standard error does, and puts Wilson's limits of the observed agreement in, so that it has
        a width also where nobody disagreed. None where both only ever say one and the same thing."""
        observed, limits = self.raw.share, self.raw.interval
        if observed is None or limits is None:
            return None
        chance = sum((one.judge.share or 0.0) * (one.people.share or 0.0) for one in self.labels.values())
        if 1 - chance < 1e-12:
            return None
        low, high = ((limit - chance) / (1 - chance) for limit in limits)
        return Kappa((observed - chance) / (1 - chance), Interval(low, high))


def fleiss(answers: Iterable[tuple[Sequence[str], float]]) -> Kappa | None:
    """Fleiss' kappa (1971) over sessions that were answered several times, each with its weight: of two answers to one
    session, how much oftener they are the same than chance would have it. Sessions may have different numbers of
    answers. Its interval is Wilson's on the share of agreeing pairs with Kish's n of sessions, chance taken for known.
    None where there is only one answer ever."""
    agreed = weight = squares = 0.0
    shares: defaultdict[str, float] = defaultdict(float)
    for said, w in answers:
        n = len(said)
        if n < 2:
            continue
        counted = Counter(said)
        agreed += w * sum(k * (k - 1) for k in counted.values()) / (n * (n - 1))
        weight, squares = weight + w, squares + w * w
        for value, k in counted.items():
            shares[value] += w * k / n
    if not weight:
        return None
    chance = sum((share / weight) ** 2 for share in shares.values())
    if 1 - chance < 1e-12:
        return None
    limits = interval_of(agreed / weight, weight * weight / squares)
    low, high = ((limit - chance) / (1 - chance) for limit in limits)
    return Kappa((agreed / weight - chance) / (1 - chance), Interval(low, high))


def flips(answers: Iterable[tuple[Sequence[str], float]]) -> Weighted:
    """The share of sessions that did not get the same answer every time."""
    share = Weighted()
    for said, weight in answers:
        if len(said) > 1:
            share.add(len(set(said)) > 1, weight)
    return share
