"""A judge's row in MLflow as a record of the feed, as far as it tells: for histories from before there was a feed.

Rule: the first verdict counts, as on the feed; a row's history tells it where it was judged again. MLflow knows neither
agent nor version of a conversation, so all of an experiment is one series per judge; its time is the first trace's.
"""

import json
from typing import Any

from streamer.core.assessment import StoredRow
from streamer.core.feed import SCHEMA_VERSION
from streamer.core.row import SESSION_KEY
from streamer.core.sampling import EVERYBODY

SOURCE, TENANT = "mlflow", "default"
JUDGE = "LLM_JUDGE"


def record_of(row: StoredRow, start_ms: int) -> dict[str, Any] | None:
    """None for a row that is no verdict of a judge about a session."""
    session, said = row.metadata.get(SESSION_KEY), row.metadata
    if not session or row.source_type != JUDGE or not row.valid or row.error_code is not None:
        return None
    first = _first(said.get("streamer.history", ""))
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "verdict",
        "event_id": row.assessment_id,
        "token": 0,
        "turns": 0,
        "session": {
            "id": session,
            "tenant": TENANT,
            "source": SOURCE,
            "first_trace_id": row.trace_id,
            "start_ms": start_ms,
            "end_ms": start_ms,
        },
        "inclusion": {
            "probability": float(said.get("streamer.inclusion_probability") or 1),
            "reason": said.get("streamer.inclusion_reason") or EVERYBODY.reason,
            "rule": said.get("streamer.rule") or EVERYBODY.rule,
        },
        "published_at_ms": start_ms,
        "origin": "live",
        "judge": row.name,
        "judge_version": first.get("judge_version", said.get("streamer.judge_version", "")),
        "revision": 1,
        "supersedes": None,
        "value": first.get("value", row.value),
    }


def _first(history: str) -> dict[str, Any]:
    """The oldest verdict that the row remembers; empty where it has none before its own."""
    try:
        past = json.loads(history or "[]")
        return dict(past[0]) if past else {}
    except (ValueError, TypeError, KeyError, IndexError):
        return {}
