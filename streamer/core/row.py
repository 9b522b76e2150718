"""A ledger entry as the row that MLflow shows (Sessions page, trace table, search)."""

import json

from streamer.core.assessment import Row, RowRef
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.session import Claim
from streamer.core.transcript import Transcript
from streamer.core.turn import flags_of

SESSION_KEY = "mlflow.trace.session"
"""Makes the Sessions page, the grouped trace table and search take the row as the session's (facts: mlflow 8)."""
RATIONALE_CHARS_MAX = 20_000
HISTORY_RATIONALE_CHARS_MAX = 300
"""Ten earlier verdicts must stay small beside the row; the feed has them whole."""


def row_of(ref: RowRef, claim: Claim, spec: JudgeSpec, entry: Entry, transcript: Transcript) -> Row:
    """The row of a judged or failed entry. MLflow's PATCH merges metadata, so every key is always sent."""
    verdict, failure = entry.verdict, entry.failure
    usage = verdict.usage if verdict else failure.usage if failure else None
    metadata = {
        SESSION_KEY: transcript.session_id,
        "streamer.judge_version": entry.judge_version,
        "streamer.prompt_hash": entry.prompt_hash or "",
        "streamer.revision": str(entry.revision),
        "streamer.close_reason": entry.close_reason or "",
        "streamer.interim": "true" if entry.interim else "false",
        "streamer.turns": str(entry.turns),
        "streamer.flags": ",".join(flags_of(transcript.turns)),
        "streamer.transcript_hash": entry.transcript_hash or "",
        "streamer.inclusion_probability": str(entry.inclusion.probability),
        "streamer.inclusion_reason": entry.inclusion.reason,
        "streamer.rule": entry.inclusion.rule,
        "streamer.unrenewed": entry.unrenewed,
        "streamer.token": str(claim.token),
        "streamer.scored_at_ms": str(entry.scored_at_ms),
        "streamer.history": history_of(entry),
        "mlflow.assessment.judgeInputTokens": str(usage.input_tokens if usage else 0),
        "mlflow.assessment.judgeOutputTokens": str(usage.output_tokens if usage else 0),
    }
    if usage and usage.cost_usd is not None:
        metadata["mlflow.assessment.judgeCost"] = f"{usage.cost_usd:.8f}"
    return Row(
        ref=ref,
        source_id=spec.model,
        value=verdict.value if verdict and entry.state == "judged" else None,
        error=failure if entry.state == "failed" else None,
        rationale=verdict.rationale[:RATIONALE_CHARS_MAX] if verdict else "",
        metadata=metadata,
    )


def history_of(entry: Entry) -> str:
    """Earlier verdicts, oldest first, as JSON."""
    return json.dumps(
        [
            {
                "revision": past.revision,
                "value": past.value,
                "rationale": past.rationale[:HISTORY_RATIONALE_CHARS_MAX],
                "turns": past.turns,
                "scored_at_ms": past.scored_at_ms,
                "judge_version": past.judge_version,
            }
            for past in entry.history
        ],
        ensure_ascii=False,
    )
