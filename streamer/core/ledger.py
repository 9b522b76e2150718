"""One line per (session, judge): what is known, what is owed, and why.

`deferred`: the spending limit was reached, the answer is owed. `failed`: for good, until the transcript changes.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from streamer.core.verdict import JudgeFailure, Usage, Verdict, VerdictValue

EntryState = Literal["judged", "retrying", "deferred", "failed", "retracted"]
HISTORY_MAX = 10
"""Earlier verdicts kept with the row; the feed has them all."""


class Past(NamedTuple):
    """An earlier verdict of the same judge."""

    revision: int
    value: VerdictValue
    rationale: str
    turns: int
    scored_at_ms: int
    judge_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`transcript_hash` None: nothing was judged (facts expired, retracted). Times in ms since the Unix epoch."""

    state: EntryState
    generation: int
    judge_version: str
    transcript_hash: str | None = None
    verdict: Verdict | None = None
    failure: JudgeFailure | None = None
    revision: int = 0
    prompt_hash: str | None = None
    """Identity of the judge's first request: messages, model and parameters."""
    attempts: int = 0
    rejected: int = 0
    """Answers to this transcript that were unusable: the same request is then asked anew, as another call."""
    next_at_ms: int = 0
    mlflow: bool = False
    feed: bool = False
    turns: int = 0
    scored_at_ms: int = 0
    history: tuple[Past, ...] = ()

    @property
    def owes(self) -> bool:
        """Is anything left to do for it? The audit asks the same of the JSON, in audit.lua."""
        return self.state in ("retrying", "deferred") or (self.state == "judged" and not (self.mlflow and self.feed))

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, raw: str | bytes) -> "Entry":
        fields = json.loads(raw)
        if fields["verdict"]:
            fields["verdict"] = Verdict(**{**fields["verdict"], "usage": Usage(**fields["verdict"]["usage"])})
        if fields["failure"]:
            fields["failure"] = JudgeFailure(**{**fields["failure"], "usage": Usage(**fields["failure"]["usage"])})
        fields["history"] = tuple(Past(*past) for past in fields["history"])
        return cls(**fields)

    def past(self) -> tuple[Past, ...]:
        """History with the verdict that stands now as its last."""
        if self.verdict is None:
            return self.history
        now = Past(
            self.revision, self.verdict.value, self.verdict.rationale, self.turns, self.scored_at_ms, self.judge_version
        )
        return (*self.history, now)[-HISTORY_MAX:]
