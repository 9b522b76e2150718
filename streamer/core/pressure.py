"""What is not read while Redis is filling up.

Rule: the partition that holds the watermark back is never paused for being ahead, since only reading it lets sessions
close and Redis empty itself. After an outage one partition may be far ahead of another; sessions that it opens cannot
close before the others have caught up, and lie in Redis until then (3 to 9 times the steady state, measured; Flink
calls the remedy watermark alignment).
"""

from collections.abc import Mapping
from typing import TypeVar

from streamer.core.watermark import watermark_of

P = TypeVar("P")
ALIGN_SHARE = 0.6
"""Of Redis' maxmemory: above it partitions wait for the slowest."""
REST_SHARE = 0.7
"""Above it sessions at rest are forgotten before their time, the oldest first: a Redis that is full of them would stand
still until `return_ms` is over. Between the other two, so that reading goes on meanwhile."""
FULL_SHARE = 0.8
"""Above it nothing is read: claims must still find room to empty it (design 17)."""


def ahead(share: float, progress: Mapping[P, int], gap_ms: int) -> frozenset[P]:
    """The partitions to pause: more than one quiet gap ahead of the watermark while Redis is filling up. A partition
    without progress (-1) is the slowest, whatever the others' are."""
    if share <= ALIGN_SHARE:
        return frozenset()
    mark = watermark_of(progress.values())
    return frozenset(p for p, ms in progress.items() if ms > mark + gap_ms)
