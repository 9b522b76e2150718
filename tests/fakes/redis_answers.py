"""Saved answers, and what the log of claims says of them; see redis_scripts."""

from typing import Literal

from streamer.core.claim_log import ClaimNote
from streamer.core.model import Completion, micros
from streamer.core.session import Claim
from tests.fakes import redis_log as log
from tests.fakes.redis_config import is_paused
from tests.fakes.redis_scripts import holds
from tests.fakes.redis_state import Bucket


def save_answer(b: Bucket, c: Claim, call_key: str, answer: Completion) -> bool:
    s = b.session(c.session.key)
    if s is None or s.erased > c.token:
        return False
    s = b.edit(("s", c.session.key), s)
    fresh = call_key not in s.answers
    s.answers[call_key] = answer
    if fresh:
        log.edit(s, c.token, lambda note: _bought(note, answer))
    return True


def _bought(note: ClaimNote, answer: Completion) -> ClaimNote:
    return note._replace(
        calls=note.calls + 1,
        tokens=note.tokens + answer.input_tokens + answer.output_tokens,
        usd_micros=note.usd_micros + micros(answer.cost_usd or 0.0),
        unpriced=note.unpriced + (answer.cost_usd is None),
    )


def find_answer(b: Bucket, now: int, c: Claim, call_key: str) -> Completion | Literal["paused", "lost"] | None:
    s = b.session(c.session.key)
    if s is None or not holds(b, now, c):
        return "lost"
    if answer := s.answers.get(call_key):
        log.edit(b.edit(("s", c.session.key), s), c.token, lambda note: note._replace(reused=note.reused + 1))
        return answer
    return "paused" if is_paused(b) else None
