"""What lives in Redis, as Python values: traces, sessions, and the bucket that holds both."""

from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamer.core.assessment import RowRef
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits, close_times
from streamer.core.model import Completion
from streamer.core.rules import Pace
from streamer.core.session import CloseReason, Facts, SessionRef, SessionState
from streamer.core.turn import Turn

T = TypeVar("T")


@dataclass
class TraceRow:
    frames: dict[bytes, bytes] = field(default_factory=dict)
    candidates: set[str] = field(default_factory=set)
    version: int = 0
    ends: bool = False
    owner: str | None = None
    swept: bool = False

    def facts(self) -> Facts:
        frames = tuple(self.frames[name] for name in sorted(self.frames))
        return Facts(tuple(sorted(self.candidates)), self.version, frames, self.owner, self.swept)


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
    members: dict[str, int] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    answers: dict[str, Completion] = field(default_factory=dict)
    rows: set[RowRef] = field(default_factory=set)
    intents: dict[int, int] = field(default_factory=dict)
    ledger: dict[str, Entry] = field(default_factory=dict)

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
            shared=self.shared,
            missing_since_ms=self.missing,
            members=dict(self.members),
            turns=dict(self.turns),
            ledger=dict(self.ledger),
        )

    def at_rest(self) -> bool:
        owes = bool(self.intents) or self.mend or any(entry.owes for entry in self.ledger.values())
        return self.version == self.judged and not self.lease and not owes


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

    def get(self, key: tuple[str, ...], default: T) -> T:
        found: T = self.keys.get(key, default)
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
        filled = [key for key, index in self.keys.items() if index and key[0] in ("quiet", "again")]
        return sorted({Scope(*key[1:]) for key in filled}, key=str)

    def indexes_of(self, ref: SessionRef) -> list[str]:
        return [name for name in ("quiet", "again") if ref.key in self.get((name, *ref.scope), dict[str, int]())]

    def move(self, ref: SessionRef, index: str | None, score: int = 0) -> None:
        """Put a session in exactly one index, or in none."""
        for name in self.indexes_of(ref):
            if name != index:
                del self.edit((name, *ref.scope), dict[str, int]())[ref.key]
        if index:
            self.edit((index, *ref.scope), dict[str, int]())[ref.key] = score

    def move_to_quiet(self, s: SessionRow) -> None:
        times = close_times(s.state(), self.limits, s.pace)
        self.move(s.ref, "quiet", min(times.values()))


# ---------------------------------------------------------------- ingest
