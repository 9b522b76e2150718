"""The user's words that a judge's rationale speaks of: which turn, and what was said there.

Rule: none is better than a wrong one. What the rationale itself puts in quotation marks counts if a user's turn says
just that; otherwise the one turn that shares most rare words with it, if no other shares as much.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streamer.core.feed_text import clean
from streamer.core.turn import Turn
from streamer.core.vocabulary import telling_words

QUOTE_CHARS_MAX = 200
READ_CHARS_MAX = 50_000
"""Of what the user said, from the last turn back: patience ends at the end. 20 ms (measured), 10 µs as a rule."""
PHRASES_MAX = 20
PHRASE_CHARS_MIN, PHRASE_WORDS_MIN = 8, 2
"""A shorter one may stand anywhere: a label, a tool's name, `no`."""
RARE_MIN = 2
"""One word in common is chance."""
_MARK = re.compile(r'["“”„«»]')
_SINGLE = re.compile(r"(?<!\w)['‘](.+?)['’](?!\w)", re.DOTALL)
_CUT = re.compile(r"…|\.\.\.|\[…\]")
_EDGE = " \t\r\n.,;:!?"


class Quote(NamedTuple):
    turn: int
    """Its number in the conversation, from 1."""
    text: str
    """At most 200 characters, on one line; `…` where more was said."""


class _Said(NamedTuple):
    turn: int
    line: str


def quote_of(rationale: str, turns: Sequence[Turn]) -> Quote | None:
    """`turns` in order. None where it is not known which of them the rationale means."""
    said = _said(turns)
    return _phrase(rationale, said) or _alike(rationale, said)


def _said(turns: Sequence[Turn]) -> list[_Said]:
    """What the user said, the last turn first, as far back as is read."""
    found, left = [], READ_CHARS_MAX
    for number in range(len(turns), 0, -1):
        text = (turns[number - 1].user or "")[:left]
        left -= len(text)
        if line := " ".join(text.split()):
            found.append(_Said(number, line))
        if left <= 0:
            break
    return found


def _phrase(rationale: str, said: Sequence[_Said]) -> Quote | None:
    """The longest that is quoted; of several turns that say it the last."""
    phrases = sorted({*_phrases(rationale)}, key=lambda phrase: (-len(phrase), phrase))[:PHRASES_MAX]
    lines = [_folded(line) for _, line in said] if phrases else []
    for phrase in phrases:
        folded = _folded(phrase)
        for (turn, line), where in zip(said, lines, strict=True):
            if folded in where and (match := _sought(phrase).search(line)) is not None:
                return Quote(turn, _around(line, match.start(), match.end()))
    return None


def _folded(line: str) -> str:
    """As long as the line, but for a few letters."""
    return line.lower().replace("’", "'")


def _sought(phrase: str) -> re.Pattern[str]:
    return re.compile(re.sub("['’]", "['’]", re.escape(phrase)), re.IGNORECASE)


def _phrases(rationale: str) -> Iterator[str]:
    """What stands between any two marks: `"` opens and closes, and one too many must not turn that round. Words that
    are the judge's own are in no turn."""
    within = [*_MARK.split(rationale)[1:-1], *_SINGLE.findall(rationale)]
    for part in within:
        for piece in _CUT.split(part):
            phrase = " ".join(piece.split()).strip(_EDGE)
            if len(phrase) >= PHRASE_CHARS_MIN and phrase.count(" ") + 1 >= PHRASE_WORDS_MIN:
                yield phrase


def _alike(rationale: str, said: Sequence[_Said]) -> Quote | None:
    """A word is rare that only one turn says."""
    named = {*telling_words(rationale)}
    shared = [named.intersection(telling_words(line)) for _, line in said]
    turns_of = Counter(word for words in shared for word in words)
    rare = [{word for word in words if turns_of[word] == 1} for words in shared]
    best = max(rare, key=len, default=set[str]())
    if len(best) < RARE_MIN or sum(len(words) == len(best) for words in rare) > 1:
        return None
    turn, line = said[rare.index(best)]
    first = min(line.lower().find(word) for word in best)
    return Quote(turn, _around(line, first, first))


def _around(line: str, start: int, end: int) -> str:
    """What stands there with what is around it, cut at words."""
    if len(line) <= QUOTE_CHARS_MAX:
        return clean(line)
    room = QUOTE_CHARS_MAX - 2
    first = max(0, min(start - max(0, room - (end - start)) // 2, len(line) - room))
    piece, last = line[first : first + room], first + room
    if 0 < first < start:
        piece = piece.partition(" ")[2] or piece
    if last < len(line) and end < last:
        piece = piece.rpartition(" ")[0] or piece
    return clean(("…" if first else "") + piece.strip() + ("…" if last < len(line) else ""))
