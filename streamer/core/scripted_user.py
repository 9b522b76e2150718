"""A simulated user that needs no model: for tests, demos, and a pipeline without a key.

Rule: it hears only words. The goal counts as achieved when an answer holds half of the goal's own words, or, where the
case says its lines, when the last of them was answered.
"""

import re
from collections.abc import Sequence

from streamer.core.simulation import Case

_WORD = re.compile(r"[^\W\d_]{4,}")
_COMMON = frozenset(
    [
        "about",
        "does",
        "find",
        "from",
        "have",
        "help",
        "into",
        "know",
        "learn",
        "make",
        "need",
        "tell",
        "that",
        "their",
        "them",
        "there",
        "they",
        "this",
        "understand",
        "want",
        "what",
        "when",
        "where",
        "which",
        "with",
        "would",
        "your",
    ]
)
"""What says nothing of a goal."""
_IMPATIENT = re.compile(r"\b(impatient|angry|annoyed|frustrated|hurry|short-tempered)\b", re.I)
_PLAIN = ("That is not what I need. {goal}?", "Could you look again? {goal}.", "I still do not know. {goal}!")
_ANGRY = ("That does not help. {goal}!", "This is useless. {goal}, for the third time!", "This is ridiculous. {goal}!")


def line(case: Case, turn: int) -> str:
    """What the user says in a turn, from 0."""
    if case.says:
        return case.says[min(turn, len(case.says) - 1)]
    if turn == 0:
        return f"Hello. {case.goal[0].upper()}{case.goal[1:]}, please."
    lines = _ANGRY if case.persona and _IMPATIENT.search(case.persona) else _PLAIN
    return lines[(turn - 1) % len(lines)].format(goal=case.goal[0].upper() + case.goal[1:])


def is_achieved(case: Case, answers: Sequence[str]) -> bool:
    """Is the user content with what was answered so far?"""
    if case.says:
        return len(answers) >= len(case.says)
    wanted = set(_words(case.goal))
    heard = set(_words(answers[-1])) if answers else set()
    return bool(wanted) and 2 * len(wanted & heard) >= len(wanted)


def _words(text: str) -> list[str]:
    return [word for word in map(str.lower, _WORD.findall(text)) if word not in _COMMON]
