"""What is owed to a channel, and when a failed delivery is tried again.

Rule: a channel that is down owes nobody else a delay, and nothing is lost but by age: an alert of last week helps
nobody.
"""

from typing import NamedTuple

from streamer.core.alerts.notice import Notice

FIRST_PAUSE_MS = 1_000
PAUSE_MS_MAX = 300_000
"""An outage of an hour is told at most five minutes after its end."""
RETRY_AFTER_MS_MAX = 3_600_000
"""Nobody is believed beyond this."""
KEPT_MS = 7 * 86_400_000
LEASE_MS = 30_000
"""Longer than a delivery may take; a worker that died with one owes it again after this."""
SEND_MS_MAX = 10_000


class Delivery(NamedTuple):
    """One notice for one channel. `attempts` have failed; `lease` names this worker's turn."""

    notice: Notice
    attempts: int
    lease: int


def pause_ms(attempts: int, retry_after_ms: int | None = None) -> int:
    """After so many failures: doubled from a second, never sooner than the other side asks (AWS, Exponential Backoff
    and Jitter, 2015; without jitter, since each channel has one queue)."""
    doubled = FIRST_PAUSE_MS << min(max(attempts, 1) - 1, 20)
    return max(min(doubled, PAUSE_MS_MAX), min(retry_after_ms or 0, RETRY_AFTER_MS_MAX))


def is_stale(notice: Notice, now_ms: int) -> bool:
    return now_ms - notice.published_at_ms > KEPT_MS
