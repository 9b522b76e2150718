"""Which sessions are judged where not all are, and with what chance: what makes estimates from verdicts right.

A session has one number u in [0, 1) for good: the first 53 bits of SHA-256 over the length-prefixed parts "sampling"
and its key, divided by 2^53. It is in a sample of share p if u < p. So the choice is the same for every judge, worker,
attempt and re-score; a smaller sample is part of a greater one; and nobody has to remember it. Anybody who knows
tenant, source and session id can compute it again.

Rule: the probability that goes with a verdict is the chance of *a session like this one* to be judged, not the way in
which this one came in. A session with an error that is always judged has probability 1 even where its u is below the
share: with p instead, sessions with errors would count 1 + (1 - p) times over (Horvitz & Thompson, 1952: divide each
by its probability and add).
"""

from typing import Literal, NamedTuple

from streamer.core.ids import digest

InclusionReason = Literal["all", "sample", "error", "thumbs_down", "sampled_out", "filtered"]
_LEFT_OUT = ("sampled_out", "filtered")


class Inclusion(NamedTuple):
    """How a session came to be judged, or not, and by which rule."""

    probability: float
    reason: InclusionReason
    rule: str

    @property
    def is_in(self) -> bool:
        return self.reason not in _LEFT_OUT


EVERYBODY = Inclusion(1.0, "all", "default")


def draw(session_key: str) -> float:
    """The session's number in [0, 1). `session_key` is ids.session_key's."""
    return (int.from_bytes(digest(("sampling", session_key))[:7], "big") >> 3) / 2**53
