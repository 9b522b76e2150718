"""Words of a text that tell something: neither grammar, nor what any rationale of a judge of conversations says."""

import re
from collections.abc import Iterator

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
"""English function words, and a judge's own."""


def telling_words(text: str) -> Iterator[str]:
    """In lower case, as often as they stand there; of three letters or more."""
    return (word for found in _WORD.finditer(text) if (word := found.group().lower()) not in _STOP)
