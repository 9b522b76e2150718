"""Redis was lost, and a session was read again from Kafka: what its rows in MLflow still know of it.

Rule: a verdict about more turns than Kafka still holds is never replaced by one about fewer. Such a session gets the
lost traces back as members of which nothing is kept, and with them the failure `facts_expired`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from streamer.core.assessment import RowRef, StoredRow, StoredTrace
from streamer.core.close_reason import CloseReason
from streamer.core.ids import assessment_id, mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.row import entry_of, token_of
from streamer.core.transcript import Transcript

Fate = Literal["unchanged", "changed", "new", "cut_short", "empty", "shared"]
"""unchanged: every judge's verdict is about this very transcript · changed: some are about another one · new: no row is
known · cut_short: Kafka no longer holds all turns · empty: its traces are other sessions' · shared: everybody's id."""
UNKNOWN_TRACE = "0" * 32
"""Stands for lost traces whose ids nobody knows: OpenTelemetry gives no trace this id."""


class Restored(NamedTuple):
    fate: Fate
    entries: Mapping[str, Entry]
    """By judge, from the row that was written last."""
    rows: frozenset[RowRef]
    """All that may stand."""
    lost: frozenset[str]
    """Traces of the session that Kafka does not hold any more."""

    @property
    def rests(self) -> CloseReason | None:
        """Why it had closed, where nothing is owed; else None."""
        if self.fate == "empty" and not self.rows:
            return "empty"
        if self.fate != "unchanged":
            return None
        newest = max(self.entries.values(), key=lambda entry: entry.scored_at_ms, default=None)
        return (newest and newest.close_reason) or "quiet"


def restored(
    namespace: str,
    transcript: Transcript,
    members: Iterable[str],
    found: Sequence[StoredTrace],
    specs: Sequence[JudgeSpec],
    horizon_ms: int,
) -> Restored:
    """`members`: traces that name the session and were read again; `found`: what MLflow has of it. Everything from
    `horizon_ms` on was read (Unix ms; -1: everything that Kafka was ever given)."""
    ours = [row for trace in found for row in trace.rows if _is_ours(namespace, transcript.session_id, row)]
    latest: dict[str, StoredRow] = {}
    for row in sorted(ours, key=token_of):
        latest[row.name] = row
    entries = {judge: entry for judge, row in latest.items() if (entry := entry_of(row)) is not None}
    rows = frozenset(RowRef(row.assessment_id, row.trace_id, row.name) for row in ours)
    read = {mlflow_trace_id(trace_id) for trace_id in members}
    gone = {t.trace_id for t in found if t.trace_id not in read and t.start_ms < horizon_ms}
    gone |= {row.trace_id for row in ours} - read
    lost = {name.removeprefix("tr-") for name in gone}
    if transcript.turns and not lost and any(entry.turns > len(transcript.turns) for entry in entries.values()):
        lost = {UNKNOWN_TRACE}
    return Restored(_fate(transcript, entries, rows, lost, specs), entries, rows, frozenset(lost))


def _fate(
    transcript: Transcript,
    entries: Mapping[str, Entry],
    rows: frozenset[RowRef],
    lost: set[str],
    specs: Sequence[JudgeSpec],
) -> Fate:
    if lost:
        return "cut_short"
    if not transcript.turns:
        return "empty"
    first = mlflow_trace_id(transcript.traces[0])
    told = [entries[spec.name] for spec in specs if spec.name in entries]
    same = len(told) == len(specs) and all(entry.transcript_hash == transcript.hash for entry in told)
    same = same and not any(entry.interim for entry in told)  # the last closing is still to come
    in_place = len(rows) == len(entries) and all(row.trace_id == first for row in rows)
    return "unchanged" if same and in_place else "changed" if rows else "new"


def _is_ours(namespace: str, session_id: str, row: StoredRow) -> bool:
    """Its id says who wrote it, about which session: people's rows and other deployments' have others."""
    return row.assessment_id == assessment_id(namespace, row.trace_id.removeprefix("tr-"), session_id, row.name)


class Place(NamedTuple):
    """How far a partition was read, as it is noted in Redis."""

    next: int
    """The offset to go on with."""
    since_ms: int
    """Everything of the partition from this time on was read; -1: everything there ever was in it."""

    def __str__(self) -> str:
        return f"{self.next}|{self.since_ms}"

    @classmethod
    def from_text(cls, text: str) -> "Place":
        offset, _, since_ms = text.partition("|")
        return cls(int(offset), int(since_ms))
