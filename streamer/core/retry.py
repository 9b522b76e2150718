"""When a failed judgement is tried again."""

from streamer.core.lifecycle import Limits
from streamer.core.verdict import FailureKind, JudgeFailure

PAUSE_MS_MAX = 300_000
PATIENT: frozenset[FailureKind] = frozenset({"rate_limited", "unavailable", "authentication"})
"""Not about this session: the provider is busy or down, or our key is wrong. The next one would fail as well."""
PATIENT_TRIES_MAX = 300
"""With the longest pause, a day."""
RETRY_AFTER_MS_MAX = 3_600_000
"""No provider is believed beyond this: some send a date's seconds or milliseconds, which would hold every session for
years, also after a restart. Who really means a day is asked 24 times."""


def next_try_ms(failure: JudgeFailure, attempts: int, limits: Limits) -> int | None:
    """How long to wait after so many failures of its kind (patient or not), None: failed for good.

    Doubled pauses (AWS, Exponential Backoff and Jitter, 2015; jitter is not needed, since sessions fail at their own
    times), never shorter than the provider's Retry-After.
    """
    tries_max = PATIENT_TRIES_MAX if failure.kind in PATIENT else limits.retries_max
    if not failure.transient or attempts >= tries_max:
        return None
    pause_ms = min(int(limits.retry_ms * 2 ** min(max(attempts, 1) - 1, 20)), PAUSE_MS_MAX)
    return max(pause_ms, failure.retry_after_ms or 0)
