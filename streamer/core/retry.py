"""When a failed judgement is tried again."""

from streamer.core.lifecycle import Limits
from streamer.core.verdict import JudgeFailure

PAUSE_MS_MAX = 300_000


def next_try_ms(failure: JudgeFailure, attempts: int, limits: Limits) -> int | None:
    """How long to wait after `attempts` failures, None: failed for good.

    Doubled pauses (AWS, Exponential Backoff and Jitter, 2015; jitter is not needed, since sessions fail at their own
    times), never shorter than the provider's Retry-After.
    """
    if not failure.transient or attempts >= limits.retries_max:
        return None
    pause_ms = min(int(limits.retry_ms * 2 ** (attempts - 1)), PAUSE_MS_MAX)
    return max(pause_ms, failure.retry_after_ms or 0)
