"""What people are shown of sessions and of the whole."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

LineState = Literal["open", "waiting", "leased", "rest"]
"""open: in `quiet`; waiting: in `again` (a retry, money, a delivery); leased: a worker has it; rest: nothing owed."""


class SessionLine(NamedTuple):
    session_id: str
    source: str
    tenant: str
    key: str
    state: LineState
    turns: int
    due_ms: int | None
    """When it is looked at next: in record time if open, in Redis time if waiting or leased."""
    changed_ms: int
    verdicts: Mapping[str, str]
    """By judge: the value, or the ledger's state where there is none."""


class Counts(NamedTuple):
    """Sums over all buckets."""

    sessions: int
    quiet: int
    again: int
    due_again: int
    parked: int
    to_sweep: int
    oldest_quiet_ms: int | None
    memory_used_bytes: int
    memory_max_bytes: int
    generation: int
    paused: bool
