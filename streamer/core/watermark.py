"""How far a partition has truly been saved.

Rule: progress is a time t such that every record appended before t is saved. "The fetch position has reached the cached
end" says no such thing: it stays true while records pile up (facts F; 400 of 400 runs closed sessions too early).
"""

from collections.abc import Iterable, Reversible
from typing import NamedTuple


class Heard(NamedTuple):
    """An answer of ListOffsets: at `asked_at_ms`, taken before asking, the partition ended at `end`."""

    asked_at_ms: int
    end: int


def progress_of(saved: int, record_max_ms: int, heard: Reversible[Heard], clock_skew_ms_max: int) -> int:
    """The latest moment whose end of partition is at or below the saved position, or what saved timestamps prove.

    `saved` is the offset below which every record is saved; `record_max_ms` the greatest timestamp among them that was
    not in the future, -1 if there is none; `heard` is in the order of asking. -1: nothing is known.
    """
    known = next((answer.asked_at_ms for answer in reversed(heard) if answer.end <= saved), -1)
    return max(known, record_max_ms - clock_skew_ms_max, -1)


def watermark_of(progress: Iterable[int]) -> int:
    """The source's watermark: no partition's records before it are unsaved. -1 while any partition is unread."""
    return min(progress, default=-1)
