"""What an alert tells beside its figures: which part of the traffic explains it, why judges said so, where to look.

Rule: what cannot be said honestly is left out. A slice is named only if it explains more of the excess than its share
of the traffic would; reasons are words that many rationales have in common, with their number, never a summary.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

QUOTE_CHARS_MAX = 240
"""Two lines of a chat."""
REASONS_MAX = EXAMPLES_MAX = 3
EXPLAINS_MIN = 0.5
"""A slice with less of the excess is no explanation."""
HITS_MIN = 3
"""Fewer bad conversations in a slice are chance."""
COMMON_MIN = 2
"""One rationale's word is no reason of many."""
LIFT_MIN = 1.15
"""By how much a slice's part of the excess must exceed its part of the traffic."""
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_STOP = frozenset(
    """
    the and for that this with was were are has had have not but from they their them his her she you your our out
    all any can could did does into its more most never only over same some such than then there these those very
    what when where which while who why will would about after again also because been before being between both
    each how however just like made make many may might much must nor now off once one other own per said says
    should since so still too under until upon user user's users agent agent's assistant assistant's conversation
    conversations frustrated frustration frustrating unresolved resolved issue issues problem problems response
    responses message messages ai bot model remains remained throughout clearly explicitly several times without
    even expressed expresses expressing asked asks asking question turn turns final end
    """.split()  # noqa: SIM905
)
"""English function words, and what any rationale of a judge of conversations says."""


class Tally(NamedTuple):
    """Conversations that were judged, and how many of them were bad."""

    hits: float
    judged: float


class Slice(NamedTuple):
    """A part of the traffic: `version=1.4.2`."""

    dimension: str
    value: str
    hits: int
    judged: int
    explains: float
    """Its part of the bad conversations above the usual."""
    traffic: float
    """Its part of all judged ones."""


class Reason(NamedTuple):
    words: str
    named_by: int
    of: int


class Example(NamedTuple):
    """`quote` is empty where conversation text is switched off."""

    session_id: str
    trace_id: str
    at_ms: int
    quote: str


class Hit(NamedTuple):
    """A bad conversation as it is kept for a while beside its series."""

    session: str
    session_id: str
    trace_id: str
    at_ms: int
    rationale: str
    version: str = ""


def explaining(slices: Mapping[str, Tally], whole: Tally, usual: float) -> Slice | None:
    """The slice (`dimension=value`) that explains most of the excess over the `usual` share; None where none does.

    Of two that explain as much, the one with less traffic is the sharper answer.
    """
    excess = whole.hits - usual * whole.judged
    if excess <= 0 or whole.judged <= 0:
        return None
    found: list[Slice] = []
    for name, tally in slices.items():
        dimension, _, value = name.partition("=")
        explains = (tally.hits - usual * tally.judged) / excess
        traffic = tally.judged / whole.judged
        sharp = explains >= EXPLAINS_MIN and explains >= LIFT_MIN * traffic and traffic < 1
        if tally.hits >= HITS_MIN and sharp:
            found.append(
                Slice(dimension, value, round(tally.hits), round(tally.judged), min(explains, 1.0), min(traffic, 1.0))
            )
    return max(found, key=lambda one: (one.explains - one.traffic, one.dimension, one.value), default=None)


def reasons(rationales: Sequence[str]) -> tuple[Reason, ...]:
    """The words that most rationales have in common, each with how many of all name it; a rationale that the first one
    covers does not count for the next."""
    left = [frozenset(_words(text)) for text in rationales if text]
    of, found = len(left), list[Reason]()
    while left and len(found) < REASONS_MAX:
        counts = Counter(word for words in left for word in words)
        if not counts:
            break
        word, count = min(counts.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))
        if count < COMMON_MIN:
            break
        covered = [words for words in left if word in words]
        beside = Counter(other for words in covered for other in words if other != word)
        mates = [other for other, n in beside.most_common(5) if n >= max(COMMON_MIN, 0.6 * count)]
        found.append(Reason(" ".join([word, *sorted(mates)[:2]]), count, of))
        left = [words for words in left if word not in words]
    return tuple(found)


def _words(text: str) -> Iterable[str]:
    return (word for word in (found.group().lower() for found in _WORD.finditer(text)) if word not in _STOP)


def examples(hits: Sequence[Hit], since_ms: int, *, text: bool) -> tuple[Example, ...]:
    """The newest bad conversations since the change, those with something to read first."""
    fresh = [hit for hit in hits if hit.at_ms >= since_ms] or list(hits)
    best = sorted(fresh, key=lambda hit: (bool(hit.rationale), hit.at_ms), reverse=True)[:EXAMPLES_MAX]
    return tuple(
        Example(hit.session_id, hit.trace_id, hit.at_ms, shortened(hit.rationale) if text else "") for hit in best
    )


def shortened(text: str, chars_max: int = QUOTE_CHARS_MAX) -> str:
    """One line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= chars_max:
        return line
    return line[: chars_max - 1].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"
