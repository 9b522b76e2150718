"""The ledger as a table: one line per (session, judge), flat, for `streamer ledger`.

Rule: columns are only ever added, and each has one type in every line.
"""

from typing import Literal

from streamer.core.ledger import Entry
from streamer.core.session import SessionRef

Kind = Literal["text", "int", "float", "bool"]
COLUMNS: dict[str, Kind] = {
    "source": "text",
    "tenant": "text",
    "session_id": "text",
    "session_key": "text",
    "judge": "text",
    "state": "text",
    "value": "text",
    "value_type": "text",
    "failure": "text",
    "revision": "int",
    "earlier_verdicts": "int",
    "turns": "int",
    "closed_by": "text",
    "scored_at_ms": "int",
    "next_at_ms": "int",
    "changed_at_ms": "int",
    "attempts": "int",
    "waits": "int",
    "requests": "int",
    "input_tokens": "int",
    "output_tokens": "int",
    "cost_usd": "float",
    "on_mlflow": "bool",
    "on_feed": "bool",
    "unwritten": "text",
    "generation": "int",
    "judge_version": "text",
    "transcript_hash": "text",
    "prompt_hash": "text",
    "rationale": "text",
}
"""Name → type; every column may be empty."""
Line = dict[str, str | int | float | bool | None]


def line_of(
    session: SessionRef, changed_ms: int, closed_by: str | None, judge: str, entry: Entry, *, with_text: bool
) -> Line:
    """`with_text`: the rationale too, which may quote the conversation."""
    verdict, failure = entry.verdict, entry.failure
    usage = verdict.usage if verdict else failure.usage if failure else None
    return {
        "source": session.scope.source,
        "tenant": session.scope.tenant,
        "session_id": session.session_id,
        "session_key": session.key,
        "judge": judge,
        "state": entry.state,
        "value": str(verdict.value) if verdict else None,
        "value_type": type(verdict.value).__name__ if verdict else None,
        "failure": failure.kind if failure else None,
        "revision": entry.revision,
        "earlier_verdicts": len(entry.history),
        "turns": entry.turns,
        "closed_by": closed_by,
        "scored_at_ms": entry.scored_at_ms or None,
        "next_at_ms": entry.next_at_ms or None,
        "changed_at_ms": changed_ms,
        "attempts": entry.attempts,
        "waits": entry.waits,
        "requests": usage.requests if usage else None,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cost_usd": usage.cost_usd if usage else None,
        "on_mlflow": entry.mlflow and not entry.unwritten,
        "on_feed": entry.feed,
        "unwritten": entry.unwritten or None,
        "generation": entry.generation,
        "judge_version": entry.judge_version,
        "transcript_hash": entry.transcript_hash,
        "prompt_hash": entry.prompt_hash,
        "rationale": verdict.rationale if verdict and with_text else None,
    }
