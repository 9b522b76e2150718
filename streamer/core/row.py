"""A ledger entry as the row that MLflow shows (Sessions page, trace table, search), and back."""

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from streamer.core.assessment import Row, RowRef, StoredRow
from streamer.core.close_reason import CloseReason
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry, Past, Unrenewed
from streamer.core.sampling import EVERYBODY, Inclusion, InclusionReason
from streamer.core.session import Claim
from streamer.core.transcript import Transcript
from streamer.core.turn import flags_of
from streamer.core.verdict import FailureKind, JudgeFailure, Usage, Verdict

SESSION_KEY = "mlflow.trace.session"
"""Makes the Sessions page, the grouped trace table and search take the row as the session's (facts: mlflow 8)."""
RATIONALE_CHARS_MAX = 20_000
HISTORY_RATIONALE_CHARS_MAX = 300
"""Ten earlier verdicts must stay small beside the row; the feed has them whole."""


def row_of(ref: RowRef, claim: Claim, spec: JudgeSpec, entry: Entry, transcript: Transcript) -> Row:
    """The row of an entry that stands. MLflow's PATCH merges metadata, so every key is always sent."""
    verdict, failure = entry.verdict, entry.failure
    usage = verdict.usage if verdict else failure.usage if failure else None
    inclusion = entry.judged_under or entry.inclusion
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
        "streamer.inclusion_probability": str(inclusion.probability),
        "streamer.inclusion_reason": inclusion.reason,
        "streamer.rule": inclusion.rule,
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
        source_type="LLM_JUDGE" if spec.asks_model else "CODE",
        value=verdict.value if verdict else None,
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


def entry_of(stored: StoredRow) -> Entry | None:
    """The ledger entry that a row of ours tells of, delivered; None where the row does not tell it whole (it is of an
    older version, or somebody has edited it)."""
    said = stored.metadata
    try:
        revision, turns = int(said["streamer.revision"]), int(said["streamer.turns"])
        scored_at_ms, transcript_hash = int(said["streamer.scored_at_ms"]), said["streamer.transcript_hash"]
        cost = said.get("mlflow.assessment.judgeCost")
        usage = Usage(
            input_tokens=int(said["mlflow.assessment.judgeInputTokens"]),
            output_tokens=int(said["mlflow.assessment.judgeOutputTokens"]),
            cost_usd=None if cost is None else float(cost),
        )
        history = tuple(Past(**past) for past in json.loads(said["streamer.history"]))
    except (KeyError, TypeError, ValueError):
        return None
    failure = _failure_of(stored)
    if failure is None and stored.value is None:
        return None
    judged = Verdict(value=stored.value, rationale=stored.rationale, usage=usage) if failure is None else None
    return Entry(
        state="judged" if judged else "failed",
        generation=0,
        judge_version=said.get("streamer.judge_version", ""),
        transcript_hash=transcript_hash,
        verdict=judged,
        failure=failure,
        revision=revision,
        prompt_hash=said.get("streamer.prompt_hash") or None,
        mlflow=True,
        feed=True,
        turns=turns,
        scored_at_ms=scored_at_ms,
        history=history,
        close_reason=_known(said.get("streamer.close_reason"), CloseReason),
        inclusion=_inclusion_of(said),
        unrenewed=_known(said.get("streamer.unrenewed"), Unrenewed) or "",
    )


def _inclusion_of(said: Mapping[str, str]) -> Inclusion:
    """Everybody's, where a row does not tell it: it was written before there were rules."""
    reason = _known(said.get("streamer.inclusion_reason"), InclusionReason)
    try:
        probability = float(said.get("streamer.inclusion_probability", ""))
    except ValueError:
        return EVERYBODY
    return Inclusion(probability, reason, said.get("streamer.rule", "")) if reason else EVERYBODY


def _known(word: str | None, words: Any) -> Any:  # noqa: ANN401
    """A word of a Literal; None for any other."""
    return word if word in get_args(words) else None


def token_of(stored: StoredRow) -> int:
    """The fencing token that a row was written under; -1 where it does not say."""
    token = stored.metadata.get("streamer.token", "")
    return int(token) if token.isdecimal() else -1


def _failure_of(stored: StoredRow) -> JudgeFailure | None:
    if stored.error_code is None:
        return None
    code = stored.error_code if stored.error_code in get_args(FailureKind) else "internal"
    return JudgeFailure(kind=cast(FailureKind, code), detail="as its row in MLflow says")
