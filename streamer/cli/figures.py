"""The figures of `streamer status` as people read them."""

from datetime import UTC, datetime

from streamer.core.words import lasting, priced, sized

MEANING = {
    "sessions": "all that are remembered",
    "quiet": "open: waiting for their quiet gap, an end, or the watermark",
    "again": "closed, and looked at again: a retry, money, a delivery, a worker's lease",
    "due_again": "of these, due now: waiting for a judge worker",
    "parked": "traces that no span has given a session yet",
    "to_sweep": "judged; their raw spans go soon",
    "oldest_quiet_ms": "when the next open session may close, in record time (UTC)",
    "memory_used_bytes": "of Redis",
    "memory_max_bytes": "Redis' limit; – is none",
    "generation": "number of the configuration in force",
    "hash": "of judges and rules in force; streamer config show says that of a file",
    "paused": "streamer pause | resume",
    "watermark_age_ms": "every record up to so long ago is saved",
    "held_back_by": "the partition whose progress that is, and why it is not further",
    "held_cause": "the same in one word",
    "reading": "what ingest reads now",
    "due": "sessions that a claim would find now",
    "due_for_ms_max": "how long the one that waits longest has been due",
    "in_flight": "sessions that a worker holds",
    "open_intents": "writers that may still write to MLflow",
    "stuck": "owed for more than an hour: an answer (retrying, deferred), a row in MLflow, a record on the feed",
    "failures": "judges whose last word is this failure, in the 1,000 sessions that changed last",
    "lag_records": "records behind the group's committed offsets; – where Kafka does not say",
    "spent_tokens_today": "of models whose price is not known",
}
"""What each is; a source's name may follow."""


def readable(name: str, value: object) -> str:
    """A figure of `status` by the unit in its name."""
    kind = name.partition(".")[0]
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind.endswith(("_ms", "_ms_max")) and isinstance(value, int):
        return at(value) if "oldest" in kind else lasting(value)
    if kind == "memory_max_bytes" and value == 0:
        return "–"
    if kind.endswith("_bytes") and isinstance(value, int | float):
        return sized(value)
    if "usd" in kind and isinstance(value, int | float):
        return priced(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def at(ms: int | None) -> str:
    return "–" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
