"""What people are shown of sessions and of the whole.

Rule: `closes in` goes by the clock, here as in outlook.py, and what the watermark is behind is said beside it: it
advances while one looks.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from streamer.core.holding import CURRENT_MS
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.words import clock, countdown, lasting

LineState = Literal["open", "waiting", "leased", "rest"]
"""open: in `quiet`; waiting: in `again` (a retry, money, a delivery); leased: a worker has it; rest: nothing owed."""
LEFT_OUT: Mapping[str, str] = {"filtered": "not judged: its rule names no judge", "sampled_out": "not in the sample"}


class SessionLine(NamedTuple):
    session_id: str
    source: str
    tenant: str
    key: str
    state: LineState
    traces: int
    due_ms: int | None
    """When it is looked at next: in record time if open, in Redis time if waiting or leased."""
    changed_ms: int
    verdicts: Mapping[str, str]
    """By judge: the value, or the ledger's state where there is none."""
    says: str = ""
    """The state in words."""


class Wanted(NamedTuple):
    """Which sessions somebody asks for; None is any."""

    state: LineState | None = None
    source: str | None = None
    tenant: str | None = None
    verdict: tuple[str, str] | None = None
    """Judge and value, or state of the ledger."""
    changed_from_ms: int | None = None
    changed_before_ms: int | None = None

    def takes(self, line: SessionLine) -> bool:
        return (
            self.state in (None, line.state)
            and self.source in (None, line.source)
            and self.tenant in (None, line.tenant)
            and (self.verdict is None or self._says(line, *self.verdict))
        )

    @staticmethod
    def _says(line: SessionLine, judge: str, value: str) -> bool:
        return line.verdicts.get(judge, "").casefold() == value.casefold()


class Now(NamedTuple):
    """What time it is for whom: `watermarks_ms` by source, -1 where nothing was read."""

    redis_ms: int
    watermarks_ms: Mapping[str, int]


class Standing(NamedTuple):
    """As much of a session as tells how it stands."""

    scope: Scope
    state: LineState
    due_ms: int | None
    ledger: Mapping[str, Entry]
    looks: int = 0
    mend: bool = False
    erased_ms: int | None = None
    """`streamer forget` was there, and no turn has come since."""


def said(entry: Entry) -> str:
    """A judge's value, or the state of its entry where there is none."""
    return str(entry.verdict.value) if entry.state == "judged" and entry.verdict else entry.state


def words_of(standing: Standing, now: Now) -> str:
    """`closes in 3:12`, `deferred: money until 14:00`, `judged at revision 2, 5 min ago` …"""
    if standing.erased_ms is not None:
        left = "" if standing.state == "rest" else ", its rows are still to be taken back"
        return f"erased {_ago(now.redis_ms - standing.erased_ms)}{left}"
    match standing.state:
        case "open":
            return _closing(standing, now)
        case "leased":
            return "a worker has it"
        case "waiting":
            return _waiting(standing, now)
        case "rest":
            return _resting(standing, now)


def _closing(standing: Standing, now: Now) -> str:
    mark_ms, due_ms = now.watermarks_ms.get(standing.scope.source, -1), standing.due_ms or 0
    if mark_ms < 0:
        return "open: nothing of its source was read yet"
    if due_ms <= mark_ms:
        return "closed, waits for a judge worker"
    behind_ms = now.redis_ms - mark_ms
    behind = f"the watermark, {lasting(behind_ms)} behind"
    if due_ms <= now.redis_ms:
        return f"waits for {behind}"
    when = f"closes in {countdown(due_ms - now.redis_ms)}"
    return f"{when}; if nothing changes it waits for {behind}" if behind_ms > CURRENT_MS else when


def _waiting(standing: Standing, now: Now) -> str:
    due_ms = standing.due_ms or 0
    when = f"in {countdown(due_ms - now.redis_ms)}" if due_ms > now.redis_ms else "now"
    entries = standing.ledger.values()
    if any(entry.state == "deferred" for entry in entries):
        until = max(entry.next_at_ms for entry in entries if entry.state == "deferred")
        return f"deferred: money, looked at again {clock(until)}"
    retrying = [entry for entry in entries if entry.state == "retrying"]
    if retrying:
        kind = next((entry.failure.kind for entry in retrying if entry.failure), "begun")
        return f"retrying {when}: {kind}"
    if any(entry.owes_row for entry in entries):
        return f"judged, owed to MLflow: again {when}"
    if any(entry.owes for entry in entries):
        return f"judged, owed to the feed: again {when}"
    if standing.mend:
        return f"judged; a write was cut off, its rows are looked at {when}"
    return f"judged; its rows are looked at {when}" if standing.looks else f"looked at {when}"


def _resting(standing: Standing, now: Now) -> str:
    entries = [entry for entry in standing.ledger.values() if entry.state != "removed"]
    if not entries:
        return "ended, and nothing was said in it"
    if all(entry.state == "retracted" for entry in entries):
        return "retracted: its traces belong to others"
    if failures := sorted({entry.failure.kind for entry in entries if entry.state == "failed" and entry.failure}):
        return f"failed: {', '.join(failures)}"
    read = [entry for entry in entries if entry.state not in LEFT_OUT]
    if not read:
        state = "sampled_out" if any(entry.state == "sampled_out" for entry in entries) else "filtered"
        return LEFT_OUT[state] + ("; an earlier verdict stands" if any(entry.verdict for entry in entries) else "")
    newest = max(read, key=lambda entry: entry.scored_at_ms)
    return f"judged at revision {newest.revision}, {_ago(now.redis_ms - newest.scored_at_ms)}"


def _ago(ms: int) -> str:
    return f"{lasting(ms)} ago" if ms >= 1_000 else "just now"


STUCK_MS = 3_600_000
"""What is owed for longer, counted from the end of the quiet gap, is somebody's business: a provider that fails, a day
without money, an MLflow that refuses."""
Owed = Literal["retrying", "deferred", "row", "feed"]


def owed_of(entry: Entry) -> Owed | None:
    """What is left to do for a judge: ask it again, ask it when there is money, write its row, tell the feed."""
    if entry.state == "retrying" or entry.state == "deferred":
        return entry.state
    if entry.owes_row:
        return "row"
    return "feed" if entry.owes else None


class Load(NamedTuple):
    """What a claim would find now, and what is being worked on."""

    due: int
    due_for_ms_max: int
    """How long the session that waits longest has been due; 0 if none is."""
    in_flight: int
    """Leased sessions."""
    open_intents: int
    """Writers that may still write, of sessions that are not at rest."""
    stuck: Mapping[str, int]
    """Entries of the ledger that have been owed something for more than STUCK_MS, by what."""
    failures: Mapping[str, int]
    """By kind: judges whose last word on a session is a failure, of the latest changed sessions."""


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
