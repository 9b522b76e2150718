"""What a detector says, before anybody has decided what to do about it."""

from typing import Any, Literal, NamedTuple


class Proposal(NamedTuple):
    """That a series should be raised, or resolved. Times are the conversations'."""

    kind: Literal["raise", "resolve"]
    rule: str
    series: str
    """SeriesKey as text: that of one version where only this version is worse. A resolve names the raise's."""
    at_ms: int
    since_ms: int
    """Estimated begin of the change."""
    conversations: int
    """In the test since then; `hits` of them were bad."""
    hits: int
    share: float
    baseline: float
    """The share that was usual at such an hour."""
    interval: tuple[float, float]
    """Wilson's, 95 %, of `share`."""

    def to_json(self) -> dict[str, Any]:
        return self._asdict()
