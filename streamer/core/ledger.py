"""One line per (session, judge): what is known, what is owed, and why.

`deferred`: the spending limit was reached, the answer is owed. `failed`: for good, until the transcript changes.
`removed`: the judge is no longer configured, nothing is owed for it. `filtered`: the session's rule does not name the
judge. `sampled_out`: the session is not in the rule's sample. What either had said before stands, and is still told and
written where that is owed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, NamedTuple

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.judges import JudgeSpec
from streamer.core.sampling import EVERYBODY, Inclusion
from streamer.core.verdict import JudgeFailure, Usage, Verdict, VerdictValue

EntryState = Literal["judged", "retrying", "deferred", "failed", "retracted", "removed", "filtered", "sampled_out"]
Unwritten = Literal["", "no_trace", "session_id_too_long"]
Unrenewed = Literal["", "rescore_never", "rescore_final_only", "reopen_max"]
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
    """Of this transcript; failures of the provider as a whole (core/retry.py, PATIENT) are counted apart, as waits."""
    waits: int = 0
    rejected: int = 0
    """Answers to this transcript that were unusable: the same request is then asked anew, as another call."""
    next_at_ms: int = 0
    mlflow: bool = False
    """Nothing is to be done in MLflow: the row stands, or there is no trace to put it on."""
    feed: bool = False
    unwritten: Unwritten = ""
    """Why no row stands in MLflow though there is a verdict: it has none of the session's traces, or can have none."""
    turns: int = 0
    scored_at_ms: int = 0
    history: tuple[Past, ...] = ()
    close_reason: CloseReason | None = None
    """Of the closing that this was said at."""
    inclusion: Inclusion = EVERYBODY
    judged_under: Inclusion | None = None
    """The inclusion that the verdict was given under, where the judge has been left out since."""
    unrenewed: Unrenewed = ""
    """Why the verdict does not speak of the turns that came after it."""

    @property
    def interim(self) -> bool:
        """Said for the time being: the session went on."""
        return self.close_reason in INTERIM

    def settled(self, transcript_hash: str, now_ms: int) -> bool:
        """Nothing is to be asked about this transcript now: it is judged, failed for good, or waits."""
        waiting = self.state in ("retrying", "deferred") and self.next_at_ms > now_ms
        return self.transcript_hash == transcript_hash and (self.state in ("judged", "failed") or waiting)

    @property
    def stands(self) -> bool:
        """It is to be told and written: a verdict, also of a judge that was left out since, or a failure for good."""
        kept = self.state in ("filtered", "sampled_out") and self.verdict is not None
        return kept or self.state in ("judged", "failed")

    @property
    def owes_row(self) -> bool:
        return self.stands and self.state != "failed" and not self.mlflow

    @property
    def owes(self) -> bool:
        """Is anything left to do for it? The audit asks the same of the JSON, in prelude.lua."""
        return self.state in ("retrying", "deferred") or self.owes_row or (self.stands and not self.feed)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, raw: str | bytes) -> "Entry":
        said = {name: value for name, value in json.loads(raw).items() if name in KNOWN}
        if said["verdict"]:
            said["verdict"] = Verdict(**{**said["verdict"], "usage": Usage(**said["verdict"]["usage"])})
        if said["failure"]:
            said["failure"] = JudgeFailure(**{**said["failure"], "usage": Usage(**said["failure"]["usage"])})
        said["history"] = tuple(Past(*past) for past in said["history"])
        for name in ("inclusion", "judged_under"):
            if said.get(name):
                said[name] = Inclusion(*said[name])
        return cls(**said)

    def past(self) -> tuple[Past, ...]:
        """History with the verdict that stands now as its last."""
        if self.verdict is None:
            return self.history
        now = Past(
            self.revision, self.verdict.value, self.verdict.rationale, self.turns, self.scored_at_ms, self.judge_version
        )
        return (*self.history, now)[-HISTORY_MAX:]


KNOWN = frozenset(field.name for field in fields(Entry))
"""A worker of another version may have written more."""


def versions_of(ledger: Mapping[str, Entry], specs: Sequence[JudgeSpec]) -> dict[str, str]:
    """Every judge that the session knows or ought to know, and its version."""
    return {**{name: e.judge_version for name, e in ledger.items()}, **{s.name: s.version for s in specs}}
