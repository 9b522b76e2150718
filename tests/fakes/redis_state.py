"""What lives in Redis, as Python values: traces, sessions, and the bucket that holds both."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from streamer.core.assessment import RowRef
from streamer.core.claim_log import ClaimNote
from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits, close_times
from streamer.core.model import Completion
from streamer.core.rules import Pace
from streamer.core.session import NOTHING, Facts, Look, SessionRef, SessionState, Size
from streamer.core.turn import Turn

T = TypeVar("T")
QUEUES = ("quiet", "again")
NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass
class TraceRow:
    frames: dict[bytes, bytes] = field(default_factory=dict)
    candidates: set[str] = field(default_factory=set)
    version: int = 0
    ends: bool = False
    owner: str | None = None
    swept: bool = False
    erased: bool = False

    def facts(self) -> Facts:
        frames = tuple(self.frames[name] for name in sorted(self.frames))
        return Facts(tuple(sorted(self.candidates)), self.version, frames, self.owner, self.swept, self.erased)


@dataclass
class SessionRow:
    ref: SessionRef
    version: int = 0
    judged: int = 0
    activity: int = 0
    opened: int | None = None
    ended: int | None = None
    pace: Pace | None = None
    token: int = 0
    settled: int = 0
    lease: int = 0
    mend: bool = False
    looks: int = 0
    missing: int | None = None
    shared: bool = False
    reason: CloseReason | None = None
    closed_size: Size = NOTHING
    span_bytes: int = 0
    look: Look | None = None
    """Where the last claim wanted to look again; None: no claim has counted yet."""
    full: int | None = None
    members: dict[str, int] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    answers: dict[str, Completion] = field(default_factory=dict)
    rows: set[RowRef] = field(default_factory=set)
    intents: dict[int, int] = field(default_factory=dict)
    ledger: dict[str, Entry] = field(default_factory=dict)
    log: tuple[ClaimNote, ...] = ()
    erased: int = 0
    wipe: bool = False
    handed: bool = False

    def state(self) -> SessionState:
        return SessionState(
            version=self.version,
            judged=self.judged,
            activity_ms=self.activity,
            opened_ms=self.opened,
            ended_ms=self.ended,
            pace=self.pace,
            looks=self.looks,
            mend=self.mend,
            reason=self.reason,
            closed_size=self.closed_size,
            span_bytes=self.span_bytes,
            full_ms=self.full,
            shared=self.shared,
            wipe=self.wipe,
            handed=self.handed,
            missing_since_ms=self.missing,
            members=dict(self.members),
            turns=dict(self.turns),
            ledger=dict(self.ledger),
        )

    def at_rest(self) -> bool:
        owes = bool(self.intents) or self.mend or self.wipe or any(entry.owes for entry in self.ledger.values())
        return self.version == self.judged and self.reason not in INTERIM and not self.lease and not owes

    def grow(self, span_bytes: int, limits: Limits) -> None:
        """Ingest counts what came."""
        self.span_bytes += span_bytes if limits.max_bytes else 0
        self.fill(limits)

    def count(self, look: Look, limits: Limits, closed: Size | None = None) -> None:
        """A claim has counted, and says where it wants to look next."""
        if limits.max_turns or limits.max_bytes:
            self.look, self.closed_size = look, closed or self.closed_size
            self.fill(limits)

    def fill(self, limits: Limits) -> None:
        """Marks a session that may be full."""

        def reached(count: int, look: int | None, most: int | None) -> bool:
            return bool(most) and look != 0 and count >= (look or most or 0)

        traces, size = self.look or (None, None)
        full = reached(len(self.members), traces, limits.max_turns) or reached(self.span_bytes, size, limits.max_bytes)
        self.full = (self.full or self.activity) if full else None


def snapshot(value: Any) -> Any:
    """A copy that later edits do not reach."""
    if isinstance(value, dict | set):
        return value.copy()
    twin = copy(value)
    for name, inner in vars(twin).items():
        if isinstance(inner, dict | set):
            setattr(twin, name, inner.copy())
    return twin


def above(old: int, now: int) -> int:
    """A number that grows with time too: a fail-over that loses the last ones cannot give them out again."""
    return max(old + 1, now * 1000)


class Bucket:
    """Keys with one hash tag. Remembers old values while `journaling`, so that a fail-over can lose the last writes."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.next_token = self.next_version = above
        self.keys: dict[tuple[str, ...], Any] = {}
        self.journaling = False
        self.journal: list[tuple[int, tuple[str, ...], Any]] = []
        self.now = 0
        self.touched: set[str] = set()
        self.scopes_seen: set[Scope] = set()
        """Whose sessions ever stood in an index."""

    def get(self, key: tuple[str, ...], default: T) -> T:
        found: T = self.keys.get(key, default)
        return found

    def scores(self, *key: str) -> Mapping[str, int]:
        """An index as it stands, to read."""
        found: Mapping[str, int] = self.keys.get(key, NOBODY)
        return found

    def _remember(self, key: tuple[str, ...]) -> None:
        if self.journaling:
            old = self.keys.get(key)
            self.journal.append((self.now, key, None if old is None else snapshot(old)))

    def edit(self, key: tuple[str, ...], new: T) -> T:
        self._remember(key)
        found: T = self.keys.setdefault(key, new)
        if key[0] == "s":
            self.touched.add(key[1])
        elif key[0] in QUEUES:
            self.scopes_seen.add(Scope(*key[1:]))
        return found

    def drop(self, key: tuple[str, ...]) -> None:
        self._remember(key)
        self.keys.pop(key, None)

    def lose_since(self, cut_ms: int) -> None:
        while self.journal and self.journal[-1][0] >= cut_ms:
            _, key, old = self.journal.pop()
            if old is None:
                self.keys.pop(key, None)
            else:
                self.keys[key] = old
        self.journal.clear()

    def session(self, key: str) -> SessionRow | None:
        found: SessionRow | None = self.keys.get(("s", key))
        return found

    def sessions(self) -> list[SessionRow]:
        return [self.keys[key] for key in sorted(k for k in self.keys if k[0] == "s")]

    def scopes(self) -> list[Scope]:
        """Whose sessions stand in an index now."""
        filled = [s for s in self.scopes_seen if self.scores("quiet", *s) or self.scores("again", *s)]
        return sorted(filled, key=str)

    def indexes_of(self, ref: SessionRef) -> list[str]:
        return [name for name in QUEUES if ref.key in self.scores(name, *ref.scope)]

    def move(self, ref: SessionRef, index: str | None, score: int = 0) -> None:
        """Put a session in exactly one index, or in none."""
        for name in self.indexes_of(ref):
            if name != index:
                del self.edit((name, *ref.scope), dict[str, int]())[ref.key]
        if index:
            self.edit((index, *ref.scope), dict[str, int]())[ref.key] = score

    def move_to_quiet(self, s: SessionRow) -> int:
        times = close_times(s.state(), self.limits, s.pace)
        at_ms = min([*times.values(), *([] if s.full is None else [s.full])])
        self.move(s.ref, "quiet", at_ms)
        return at_ms


# ---------------------------------------------------------------- ingest
