"""Records of the feed for tests of alerts: valid under the published schema, and as small as that allows."""

import json
from collections.abc import Iterator
from typing import Any

from streamer.core.ids import digest
from streamer.core.wire.records import Record

JUDGE, JUDGE_VERSION = "user_frustration", "v1"
HOUR_MS = 3_600_000


def frame(kind: str, session: str, at_ms: int, token: int, **said: Any) -> dict[str, Any]:
    """What every record says. In `said`: tenant, agent, version, judge_version, environment, probability, reason;
    models and tools, and of a verdict quote, are only there if they are given, as on records of before."""
    inclusion = {
        "probability": said.get("probability", 1.0),
        "reason": said.get("reason", "all"),
        "rule": "default",
    }
    return {
        "schema_version": 1,
        "kind": kind,
        "event_id": digest((kind, session, str(token))).hex()[:32],
        "namespace": "tests",
        "token": token,
        "version": token,
        "close_reason": "quiet",
        "turns": 2,
        "flags": [],
        "session": {
            "id": session,
            "tenant": said.get("tenant", "default"),
            "source": "default",
            "first_trace_id": f"tr-{digest((session,)).hex()[:32]}",
            "start_ms": at_ms - 60_000,
            "end_ms": at_ms,
        },
        "agent": said.get("agent", "refund-bot"),
        "service": "shop",
        "service_version": said.get("version", "1.0"),
        "environment": said.get("environment", "production"),
        "user_id": None,
        "user_id_is": "hashed",
        "inclusion": inclusion,
        "published_at_ms": said.get("published_at_ms", at_ms + 900_000),
        "origin": said.get("origin", "live"),
        **{name: said[name] for name in ("models", "tools") if name in said},
    }


def _judgement(revision: int, judge_version: str) -> dict[str, Any]:
    return {
        "judge": JUDGE,
        "judge_version": judge_version,
        "model": "openai:/m",
        "revision": revision,
        "interim": False,
        "transcript_hash": "ab" * 16,
        "prompt_hash": None,
        "usage": {"requests": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": None},
        "scored_at_ms": 1,
    }


def verdict(session: str, at_ms: int, value: str, token: int = 1, revision: int = 1, **said: Any) -> dict[str, Any]:
    return {
        **frame("verdict", session, at_ms, token, **said),
        **_judgement(revision, said.get("judge_version", JUDGE_VERSION)),
        "value": value,
        "rationale": said.get("rationale", f"The user of {session} asked for a refund again and again."),
        "supersedes": revision - 1 or None,
        **({"quote": said["quote"]} if "quote" in said else {}),
    }


def failure(session: str, at_ms: int, kind: str, token: int = 1, revision: int = 1, **said: Any) -> dict[str, Any]:
    return {
        **frame("failure", session, at_ms, token, **said),
        **_judgement(revision, said.get("judge_version", JUDGE_VERSION)),
        "failure": {"kind": kind, "detail": ""},
    }


def retracted(session: str, at_ms: int, token: int = 2, **said: Any) -> dict[str, Any]:
    value = frame("retracted", session, at_ms, token, **said)
    none = dict.fromkeys(("first_trace_id", "start_ms", "end_ms"))
    return {
        **value,
        "session": {**value["session"], **none},
        "turns": 0,
        "close_reason": "empty",
        "judge": JUDGE,
        "judge_version": said.get("judge_version", JUDGE_VERSION),
        "supersedes": 1,
    }


def closing(session: str, at_ms: int, state: str, token: int = 1, **said: Any) -> dict[str, Any]:
    value = frame("closing", session, at_ms, token, **said)
    decision = {
        "judge": JUDGE,
        "judge_version": said.get("judge_version", JUDGE_VERSION),
        "state": state,
        "reason": None,
        "revision": 0,
        "inclusion": value["inclusion"],
    }
    return {**value, "judges": [decision]}


def records(values: Iterator[dict[str, Any]] | list[dict[str, Any]], first: int = 0) -> list[Record]:
    """As Kafka hands them out, on one partition."""
    return [Record("assessments", 0, first + n, 0, json.dumps(value).encode(), b"k") for n, value in enumerate(values)]
