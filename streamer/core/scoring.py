"""What becomes of a judge's entry in the ledger: by an answer, a failure, a lack of money, or the loss of its turns."""

from dataclasses import replace

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ledger import Entry
from streamer.core.lifecycle import DAY_MS, Limits
from streamer.core.retry import PATIENT, next_try_ms
from streamer.core.sampling import EVERYBODY, Inclusion
from streamer.core.verdict import JudgeFailure, Verdict

DEFERRED_MS = 600_000
"""A session that waits for money looks again so often, and at the start of the next day."""
FACTS_EXPIRED = JudgeFailure(kind="facts_expired", detail="a trace's spans are gone and were never read")
SHARED = JudgeFailure(
    kind="shared_session_id", detail="more traces carry this session id than a conversation has: everybody's, no one's"
)


def judged(base: Entry, verdict: Verdict) -> Entry:
    """A usable answer: told to nobody yet."""
    return replace(
        base,
        state="judged",
        verdict=verdict,
        failure=None,
        revision=base.revision + 1,
        attempts=base.attempts + 1,
        mlflow=False,
        feed=False,
    )


def failed(base: Entry, failure: JudgeFailure, now_ms: int, limits: Limits, *, asked: bool = True) -> Entry:
    """Tried again by kind, then recorded: in the ledger and on the feed, never as a low score. To be held back by the
    provider's Retry-After (`asked` False) is no attempt."""
    patient, counts = failure.kind in PATIENT, asked or failure.kind != "rate_limited"
    attempts, waits = base.attempts + (counts and not patient), base.waits + (counts and patient)
    wait_ms = next_try_ms(failure, waits if patient else attempts, limits)
    return replace(
        base,
        state="failed" if wait_ms is None else "retrying",
        failure=failure,
        feed=False,
        attempts=attempts,
        waits=waits,
        rejected=base.rejected + (failure.kind == "bad_answer"),
        next_at_ms=0 if wait_ms is None else now_ms + wait_ms,
    )


def deferred(base: Entry, now_ms: int) -> Entry:
    """The answer is owed: judged when there is money again."""
    tomorrow_ms = (now_ms // DAY_MS + 1) * DAY_MS
    return replace(base, state="deferred", next_at_ms=min(now_ms + DEFERRED_MS, tomorrow_ms))


def retracted(old: Entry | None, generation: int, judge_version: str) -> Entry:
    """The session has no turns any more. What was said moves into the history."""
    return Entry(
        state="retracted",
        generation=generation,
        judge_version=judge_version,
        revision=old.revision if old else 0,
        history=old.past() if old else (),
        close_reason="empty",
        inclusion=old.inclusion if old else EVERYBODY,
    )


def closed_again(entry: Entry, reason: CloseReason) -> Entry:
    """The verdict stands at another closing. What was interim and is so no longer is told and written again, with the
    same revision; what was final stays so."""
    if not entry.interim or reason in INTERIM:
        return entry
    return replace(entry, close_reason=reason, feed=False, mlflow=False, unwritten="")


def begun(
    old: Entry | None,
    transcript_hash: str,
    turns: int,
    generation: int,
    judge_version: str,
    reason: CloseReason,
    inclusion: Inclusion = EVERYBODY,
) -> Entry:
    """What a judge starts from on a transcript: where it was, if it has met this one before."""
    if old is not None and old.transcript_hash == transcript_hash:
        return replace(
            old,
            generation=generation,
            judge_version=judge_version,
            close_reason=reason,
            inclusion=inclusion,
            unrenewed="",
        )
    return Entry(
        state="retrying",
        generation=generation,
        judge_version=judge_version,
        transcript_hash=transcript_hash,
        revision=old.revision if old else 0,
        history=old.past() if old else (),
        turns=turns,
        close_reason=reason,
        inclusion=inclusion,
    )


def unread(
    old: Entry | None,
    failure: JudgeFailure,
    generation: int,
    judge_version: str,
    reason: CloseReason,
    inclusion: Inclusion = EVERYBODY,
) -> Entry:
    """No judge can be given the session as it is. A verdict that stood moves into the history."""
    base = old or Entry(state="failed", generation=generation, judge_version=judge_version)
    same = old is not None and old.failure == failure and old.interim == (reason in INTERIM)
    return replace(
        base,
        state="failed",
        generation=generation,
        judge_version=judge_version,
        transcript_hash=None,
        verdict=None,
        failure=failure,
        feed=same and base.feed,
        history=base.past(),
        close_reason=base.close_reason if same else reason,
        inclusion=inclusion,
        unrenewed="",
    )


def voided(entry: Entry | None) -> Entry | None:
    """Of a session that can be given to no judge: the verdict that stood moves into the history."""
    return replace(entry, verdict=None, transcript_hash=None, history=entry.past()) if entry else None


def without_judge(entry: Entry) -> Entry:
    """What is left of an entry whose judge was taken out of the configuration: what it said stands, nothing is owed."""
    return replace(entry, state="removed", failure=None, next_at_ms=0)
