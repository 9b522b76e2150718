"""What an alert tells beside its figures: which part of the traffic explains it, why judges said so, where to look.

Rule: what cannot be said honestly is left out. A slice is named only if it explains more of the excess than its share
of the traffic would; reasons are words that many rationales have in common, with their number, never a summary.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamer.core.vocabulary import telling_words

SAID_CHARS_MAX = 240
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
    """What was said is empty where conversation text is switched off."""

    session_id: str
    trace_id: str
    at_ms: int
    quote: str
    """The user's words that did it; empty where it is not known which."""
    turn: int | None = None
    """In which turn of the conversation, from 1."""
    reason: str = ""
    """What the judge wrote."""


class Hit(NamedTuple):
    """A bad conversation as it is kept for a while beside its series."""

    session: str
    session_id: str
    trace_id: str
    at_ms: int
    rationale: str
    version: str = ""
    quote: str = ""
    turn: int | None = None


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
    left = [frozenset(telling_words(text)) for text in rationales if text]
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


def examples(hits: Sequence[Hit], since_ms: int, *, text: bool) -> tuple[Example, ...]:
    """The newest bad conversations since the change, those with the user's words first, then those with the judge's."""
    fresh = [hit for hit in hits if hit.at_ms >= since_ms] or list(hits)
    best = sorted(fresh, key=lambda hit: (bool(hit.quote), bool(hit.rationale), hit.at_ms), reverse=True)
    return tuple(
        Example(hit.session_id, hit.trace_id, hit.at_ms, hit.quote, hit.turn, shortened(hit.rationale))
        if text
        else Example(hit.session_id, hit.trace_id, hit.at_ms, "")
        for hit in best[:EXAMPLES_MAX]
    )


def shortened(text: str, chars_max: int = SAID_CHARS_MAX) -> str:
    """One line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= chars_max:
        return line
    return line[: chars_max - 1].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"
