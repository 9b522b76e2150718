"""A session as its scripts in Redis and the judge loop see it.

Laws: an open session stands in exactly one of the indexes `quiet` (scored in record time) and `again` (scored in Redis
time); at rest it stands in none. While it is leased it stands in `again` at the lease's end, and ingest only raises its
version and activity. The transitions are a table in docs/decisions/state-table.md, tested against every store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streamer.core.assessment import RowRef
from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ids import Scope, bucket_of_session, session_key
from streamer.core.ledger import Entry
from streamer.core.rules import Pace
from streamer.core.turn import Turn

Expired = Literal["no_session", "refused"]
"""Why a parked trace goes: no span has named a session in time, or what it names had `traces_max` already."""


class SessionRef(NamedTuple):
    """A session's full name. `key` is what Redis and the ledger call it."""

    scope: Scope
    session_id: str

    @property
    def key(self) -> str:
        return session_key(self.scope, self.session_id)

    @property
    def bucket(self) -> int:
        return bucket_of_session(self.key)


class Wake(NamedTuple):
    """A candidate session is told that a trace has reached a version. `activity_ms` is record time (design 4)."""

    session: SessionRef
    trace_id: str
    version: int
    activity_ms: int
    ends_session: bool = False
    span_bytes: int = 0
    """Of the spans that came now, uncompressed: more than what is said in them."""


class Size(NamedTuple):
    """Of a session: turns, and bytes of what was said in them."""

    turns: int = 0
    bytes: int = 0


class Look(NamedTuple):
    """Where ingest's own counts, of member traces and of bytes of spans, have a claim look whether the session is full.
    0: never."""

    traces: int = 0
    bytes: int = 0


NOTHING, NEVER = Size(), Look()


class Facts(NamedTuple):
    """What is kept of a trace. `frames` are compressed fragments; the sweep drops them and keeps `owner`."""

    candidates: tuple[str, ...]
    version: int
    frames: tuple[bytes, ...]
    owner: str | None
    swept: bool
    erased: bool = False
    """Somebody asked for it (streamer forget): nothing of it is kept, and what still comes is not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A session as it was when claimed. Times: `*_ms` in record time, but `missing_since_ms` in Redis time."""

    version: int = 0
    judged: int = 0
    activity_ms: int = 0
    opened_ms: int | None = None
    ended_ms: int | None = None
    pace: Pace | None = None
    """Of the rule that a claim has found; None before the first."""
    looks: int = 0
    mend: bool = False
    """A stale worker may have written since the last completion."""
    missing_since_ms: int | None = None
    reason: CloseReason | None = None
    """Of the last completed closing."""
    closed_size: Size = NOTHING
    """What the session held then."""
    span_bytes: int = 0
    """Bytes of spans that ingest has told of in all."""
    full_ms: int | None = None
    """When ingest's counts reached what a claim is to look at."""
    shared: bool = False
    """More traces than `traces_max` carry this id; those beyond were not taken."""
    wipe: bool = False
    """It was erased, and rows of before may still stand."""
    handed: bool = False
    """It was judged apart and handed over; nothing has come of it since."""
    members: Mapping[str, int] = field(default_factory=dict)
    """Trace id → the trace's version when ingest last told."""
    turns: Mapping[str, Turn] = field(default_factory=dict)
    ledger: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def has_grown(self) -> bool:
        """No claim has completed for what the session holds now; later ones retry, deliver or look again."""
        return self.judged < self.version

    @property
    def owes_closing(self) -> bool:
        """It has grown, or was closed for the time being only: a closing is still to come."""
        return self.has_grown or self.reason in INTERIM


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A lease on a session. The token fences: a completion with any other one is refused (Kleppmann, 2016)."""

    session: SessionRef
    token: int
    generation: int
    watermark_ms: int
    claimed_at_ms: int
    """Redis time of the claim."""
    due: Literal["quiet", "again", "taken"]
    interrupted: bool
    """A claim since the last completed one never came back: what it published no ledger knows."""
    state: SessionState
    epoch: int = 0
    """Which primary the claim was made on, as this worker counts them."""
    backfill: bool = False
    """Nothing has come of the session since Redis was rebuilt, or since it was judged apart and handed over: what is
    said of it now is no news."""

    @property
    def bucket(self) -> int:
        return self.session.bucket

    @property
    def name(self) -> tuple[str, int]:
        """(session key, token): tokens are unique within a session only."""
        return self.session.key, self.token


class Begun(NamedTuple):
    rows: frozenset[RowRef]
    """Every row that any claim may have written and none has yet seen deleted."""
    crowded: bool
    """Another intent is open: its holder may still write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a claim came to, for end_write."""

    version: int
    """The session's version that was judged."""
    entries: Mapping[str, Entry]
    rows: frozenset[RowRef] = frozenset()
    """Rows that this claim named in begin_write last."""
    placed: frozenset[str] = frozenset()
    """Judges whose verdict now stands on its row, and whose other rows were deleted."""
    next_in_ms: int | None = None
    """Look again then: a retry, a delivery or the first trace is awaited."""
    first_missing: bool = False
    """MLflow did not have the first trace."""
    looking: bool = False
    """A row stands on the next earliest trace, or on none: look again after 1, 2, 4 … min."""
    retracted: bool = False
    """No row of ours may stay but those that this claim named last."""
    begun: bool = False
    """begin_write happened."""
    crowded: bool = False
    doubtful: bool = False
    """A write was sent and never answered: it may still happen, so the intent ages out instead of being dropped."""
    reason: CloseReason | None = None
    size: Size = NOTHING
    """What the session holds at this closing."""
    look: Look = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What a rebuild puts back of a session."""

    version: int
    """The session's version that was read."""
    pace: Pace
    turns: Sequence[Turn]
    entries: Mapping[str, Entry]
    rows: frozenset[RowRef]
    """All that may stand in MLflow."""
    rests: CloseReason | None
    """Nothing is owed, and so it had closed; None: it is left due."""
    size: Size = NOTHING
    """What its verdicts speak of."""
    look: Look = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A session that was judged apart, as it is brought to the live path."""

    version: int
    """The session's version that was read; 0: nobody knew it."""
    activity_ms: int
    pace: Pace
    turns: Sequence[Turn]
    """Those that the live path does not have."""
    entries: Mapping[str, Entry]
    """What rows in MLflow tell of earlier verdicts; what the live path knows stands."""
    rows: frozenset[RowRef]
    """All that may stand in MLflow."""


NotTaken = Literal["paused", "changed", "open"]
"""`changed`: it is not as it was read; `open`: a claim of the live path is still to come, or under way."""


class Forgotten(NamedTuple):
    session: SessionRef
    traces: Mapping[str, int]
    """Trace id → the version of it that the session was told last."""


class Sweep(NamedTuple):
    session: SessionRef
    version: int
    turns: Mapping[str, int | None]
    """Trace id → the version of its kept turn; None: this session has no turn of it."""
