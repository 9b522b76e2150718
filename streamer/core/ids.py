"""Names of things that several services must agree on, derived from content so that a repetition is the same thing.

Rule: whatever is hashed is length-prefixed first, so that ("a", "bc") and ("ab", "c") differ.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

BUCKETS = 16
"""Hash tags that keys are spread over. Written into Redis once: a worker with another number refuses to start."""


class Scope(NamedTuple):
    """Sessions of different scopes never meet, whatever they are called."""

    source: str
    tenant: str

    def __str__(self) -> str:
        return f"{self.source}|{self.tenant}"


def digest(parts: Iterable[str | bytes]) -> bytes:
    """SHA-256 over the length-prefixed parts."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(len(raw).to_bytes(4, "big"))
        h.update(raw)
    return h.digest()


@lru_cache(maxsize=10_000)  # ingest asks for the sessions of a topic again with every record
def session_key(scope: Scope, session_id: str) -> str:
    """32 hex digits that name a session in Redis, logs and the ledger."""
    return digest((scope.tenant, scope.source, session_id)).hex()[:32]


def assessment_id(namespace: str, first_trace: str, session_id: str, judge: str) -> str:
    """The id under which MLflow keeps a judge's row: `a-` and 32 hex digits, within its 50 characters.

    The first trace is part of it because MLflow's primary key is the id alone, the judge's version is not:
    a new version of a judge replaces the row of the old one.
    """
    return "a-" + digest((namespace, first_trace, session_id, judge)).hex()[:32]


def mlflow_trace_id(trace_id: str) -> str:
    """MLflow's name of an OpenTelemetry trace (mlflow 3.17, tracing/utils: `tr-` + 32 hex)."""
    return "tr-" + trace_id


def bucket_of_session(key: str) -> int:
    """The bucket that keeps a session."""
    return int(key[:2], 16) % BUCKETS


def bucket_of_trace(trace_id: str) -> int:
    """The bucket that keeps a trace's facts; trace ids are random in their last byte (W3C trace context, level 2)."""
    return int(trace_id[-2:], 16) % BUCKETS
