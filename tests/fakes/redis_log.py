"""The log of claims on Python values: the twin of `log_claim`, `log_edit` and `log_end` in prelude.lua."""

from collections.abc import Callable

from streamer.core.claim_log import CLAIMS_KEPT, ClaimNote, Ending
from tests.fakes.redis_state import SessionRow


def add(s: SessionRow, note: ClaimNote) -> None:
    s.log = (*s.log, note)[-CLAIMS_KEPT:]


def edit(s: SessionRow, token: int, change: Callable[[ClaimNote], ClaimNote]) -> None:
    """The note of a claim, if it is still kept."""
    s.log = tuple(change(note) if note.token == token else note for note in s.log)


def end(s: SessionRow, now: int, token: int, ending: Ending, reason: str = "", detail: str = "") -> None:
    edit(s, token, lambda note: note._replace(ending=ending, ended_ms=now, reason=reason, detail=detail))
    if len(s.log) < 2 or s.log[-1].token != token:
        return
    before, last = s.log[-2:]
    alike = (before.ending, before.reason, before.detail, before.version) == (ending, reason, detail, last.version)
    if alike and not (last.calls or last.reused or last.interrupted or before.calls or before.reused):
        since = before.claimed_ms if before.since_ms is None else before.since_ms
        s.log = (*s.log[:-2], last._replace(times=before.times + 1, since_ms=since))
