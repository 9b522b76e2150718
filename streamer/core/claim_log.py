"""What became of a session's last claims: the log that `streamer explain` tells its story from.

Rule: a note is written by the scripts that make, end and pay for the claim (adapters/lua, prelude.lua), so that it
cannot say what did not happen. It holds no text of the conversation.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from streamer.core.ledger import Entry

CLAIMS_KEPT = 20
"""Of a session, the latest; a claim that only repeats the one before it is counted, not kept."""
Ending = Literal["", "released", "put_back", "completed", "refused", "erased"]
"""`released`: not closed yet; `put_back`: given up unfinished; `refused`: another worker held the session by then, or
the claim completed nothing; empty: it has not come back."""


class Decision(NamedTuple):
    """One judge at a completion. `why` is a failure's kind; `delivered`: `M` MLflow, `F` the feed."""

    judge: str
    state: str
    revision: int
    why: str
    delivered: str


class ClaimNote(NamedTuple):
    """One claim. Times of the claim itself in ms of Redis' clock; `watermark_ms`, `activity_ms`, `opened_ms`,
    `session_ended_ms` and `full_ms` in record time, as the claim saw them."""

    token: int
    claimed_ms: int
    due: Literal["quiet", "again", "erase", "taken"]
    interrupted: bool
    version: int
    watermark_ms: int = -1
    activity_ms: int = 0
    opened_ms: int | None = None
    session_ended_ms: int | None = None
    full_ms: int | None = None
    closed_turns: int = 0
    """What the session held at the closing before this claim, where a limit of turns or bytes counts from."""
    closed_bytes: int = 0
    calls: int = 0
    """Answers that were bought, with their tokens and price."""
    tokens: int = 0
    usd_micros: int = 0
    unpriced: int = 0
    """Of the calls, those whose price is not known."""
    reused: int = 0
    """Saved answers that were used instead of buying them again."""
    writing_ms: int | None = None
    """When it said last which rows it would write."""
    ending: Ending = ""
    ended_ms: int | None = None
    reason: str = ""
    """Why the session was closed, of a completion."""
    detail: str = ""
    """Of a completion its decisions; of a release when the session may close."""
    times: int = 1
    since_ms: int | None = None
    """Of so many claims that ended alike the first one's."""

    @property
    def decisions(self) -> list[Decision]:
        return [Decision(*said) for said in json.loads(self.detail)] if self.ending == "completed" else []


DUE: Mapping[str, Literal["quiet", "again", "erase", "taken"]] = {
    "q": "quiet",
    "a": "again",
    "e": "erase",
    "t": "taken",
}


def note_of(raw: Mapping[str, Any]) -> ClaimNote:
    """A note as the scripts write it: short names, and only what is not as by default."""
    return ClaimNote(
        token=raw["t"],
        claimed_ms=raw["at"],
        due=DUE[raw["i"]],
        interrupted="x" in raw,
        version=raw["v"],
        watermark_ms=raw.get("w", -1),
        activity_ms=raw.get("ac", 0),
        opened_ms=raw.get("op"),
        session_ended_ms=raw.get("en"),
        full_ms=raw.get("fu"),
        closed_turns=raw.get("ct", 0),
        closed_bytes=raw.get("cb", 0),
        calls=raw.get("k", 0),
        tokens=raw.get("kt", 0),
        usd_micros=raw.get("ku", 0),
        unpriced=raw.get("kx", 0),
        reused=raw.get("u", 0),
        writing_ms=raw.get("b"),
        ending=raw.get("e", ""),
        ended_ms=raw.get("z"),
        reason=raw.get("r", ""),
        detail=raw.get("d", ""),
        times=raw.get("n", 1),
        since_ms=raw.get("f"),
    )


def said_of(entries: Mapping[str, Entry]) -> str:
    """The decisions of a completion, as a note keeps them."""
    said = [
        Decision(
            judge=name,
            state=entry.state,
            revision=entry.revision,
            why=entry.failure.kind if entry.failure else "",
            delivered="M" * (entry.mlflow and not entry.unwritten) + "F" * entry.feed,
        )
        for name, entry in sorted(entries.items())
    ]
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)
