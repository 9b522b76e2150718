"""What holds a source's watermark back, and why.

Rule: progress says how far; what the partition's reader told last says what it does; how long ago it told says whether
there is one. An empty partition holds nothing back: its end is its saved position, and that moves its progress.
"""

from collections.abc import Mapping
from typing import Generic, Literal, NamedTuple, TypeVar

from streamer.core.words import lasting

P = TypeVar("P")
Doing = Literal["reads", "aligned", "fuse", "redis_full", "no_answer"]
"""What a worker does with a partition that it has been given. aligned: it waits for slower ones; fuse: hardly anything
on it can be decoded; no_answer: Kafka does not say where it ends."""
Cause = Literal["behind", "aligned", "fuse", "redis_full", "no_answer", "unread", "stalled", "no_worker"]
"""behind: it is being read, and not at its end. unread: nobody has read it yet. stalled: whoever read it is no longer
heard, and others of the source are. no_worker: none is."""
HEARD_MS = 10_000
"""A reader tells every 2 s; a member that is gone is noticed by Kafka within 10 s."""
CURRENT_MS = 5_000
"""A watermark that is this near holds nobody up: progress is told every 200 ms, and a rebalance takes seconds."""


class Told(NamedTuple):
    """By the reader of a partition. `at_ms` in Redis time."""

    doing: Doing
    at_ms: int


class Hold(NamedTuple, Generic[P]):
    """The slowest partition. `heard_ms`: when its reader, or for no_worker any, was last heard; None: never."""

    partition: P
    cause: Cause
    progress_ms: int
    heard_ms: int | None


def hold_of(progress: Mapping[P, int], told: Mapping[P, Told], now_ms: int) -> Hold[P] | None:
    """What holds the watermark back; None if nothing does."""
    if not progress:
        return None
    slowest = min(progress, key=lambda p: (progress[p], str(p)))
    if progress[slowest] >= now_ms - CURRENT_MS:
        return None
    heard = told.get(slowest)
    latest_ms = max((one.at_ms for one in told.values()), default=None)
    if latest_ms is None or now_ms - latest_ms > HEARD_MS:
        return Hold(slowest, "no_worker", progress[slowest], latest_ms)
    if heard is None:
        return Hold(slowest, "unread" if progress[slowest] < 0 else "stalled", progress[slowest], None)
    if now_ms - heard.at_ms > HEARD_MS:
        return Hold(slowest, "stalled", progress[slowest], heard.at_ms)
    cause: Cause = "behind" if heard.doing == "reads" else heard.doing
    return Hold(slowest, cause, progress[slowest], heard.at_ms)


def reason_of(hold: Hold[P], now_ms: int) -> str:
    """The cause as people say it."""
    since = "" if hold.heard_ms is None else f" for {lasting(now_ms - hold.heard_ms)}"
    return {
        "behind": "it is being read, and not at its end yet",
        "aligned": "it waits for slower partitions while Redis is filling up",
        "fuse": "hardly anything on it can be decoded, so it is not read (streamer dlq list)",
        "redis_full": "nothing is read while Redis is nearly full",
        "no_answer": "Kafka does not say where it ends",
        "unread": "nobody has read it yet",
        "stalled": f"its reader has not been heard{since}",
        "no_worker": f"no ingest worker has been heard{since}" if since else "no ingest worker has been heard",
    }[hold.cause]
