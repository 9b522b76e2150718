"""What an application sent again, against what was heard: which turns it proves that no span carried.

Rule: only what is certain. A turn is restored where history goes on behind everything that is known, as whole
exchanges; so what was rendered before stays a prefix. Known words may come back trimmed, summarised or edited: as many
unknown messages as known ones in their place are taken for these. More than that, in a place that is already rendered,
is a gap: something was said there that nobody can put back.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from streamer.core.turn import Message

_TRIMMED_CHARS_MIN = 40
"""A text of which at least so much stands is the same text, cut."""


class Evidence(NamedTuple):
    """`missed`: exchanges that were held after everything known, in order, the last one answered."""

    missed: tuple[Message, ...] = ()
    gap: bool = False


def evidence(history: Sequence[Message], known: Sequence[Message]) -> Evidence:
    """What `history`, sent along with a turn, says beyond the `known` messages of the turns before it. Applications
    send the end of a conversation, so it is sought in the end of what is known."""
    if not history:
        return Evidence()
    known = known[-2 * len(history) :]
    pairs = _aligned(history, known)
    last_heard, last_known = pairs[-1] if pairs else (-1, -1)
    unknown = history[last_heard + 1 :]
    room = len(known) - last_known - 1
    gap = _grew(pairs, history, known) or (room > 0 and _asked(unknown) > _asked(known[last_known + 1 :]))
    return Evidence(() if room else _answered(unknown), gap)


def _aligned(history: Sequence[Message], known: Sequence[Message]) -> list[tuple[int, int]]:
    """Pairs of places that hold the same words, growing on both sides."""
    pairs: list[tuple[int, int]] = []
    at = 0
    told, heard = [_bare(message) for message in history], [_bare(message) for message in known]
    for n, message in enumerate(told):
        found = next((m for m in range(at, len(heard)) if _alike(message, heard[m])), None)
        if found is not None:
            pairs.append((n, found))
            at = found + 1
    return pairs


def _bare(message: Message) -> tuple[str, str]:
    """Role and words, however these are spaced and broken off."""
    return message.role, " ".join(message.text.split()).removesuffix("...").removesuffix("…")


def _alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    if one[0] != other[0]:
        return False
    a, b = one[1], other[1]
    shorter, longer = (a, b) if len(a) < len(b) else (b, a)
    return a == b or (len(shorter) >= _TRIMMED_CHARS_MIN and longer.startswith(shorter))


def _grew(pairs: Sequence[tuple[int, int]], history: Sequence[Message], known: Sequence[Message]) -> bool:
    """Between two known messages history asks more than we know."""
    return any(
        n2 - n1 > m2 - m1 and _asked(history[n1 + 1 : n2]) > _asked(known[m1 + 1 : m2])
        for (n1, m1), (n2, m2) in pairwise(pairs)
    )


def _asked(messages: Sequence[Message]) -> int:
    """How often the user speaks: a model says several things in a turn, before it calls tools, and the last is kept."""
    return sum(message.role == "user" for message in messages)


def _answered(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Up to the last answer. What follows belongs to the turn itself: a question asked twice, context put before it."""
    last = max((n for n, message in enumerate(messages) if message.role == "assistant"), default=-1)
    return tuple(messages[: last + 1])
