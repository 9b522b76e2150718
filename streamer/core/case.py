"""A session with everything that was decided about it, as a file that decides again: `streamer explain --export`,
`streamer replay`.

Rule: a case holds facts and decisions side by side. `replayed` runs the pure core on the facts; where it comes to
another decision than the one that stands in the file, `differences` names it. Nothing outside the file is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from streamer.core.assemble import assemble
from streamer.core.choosing import choices, resumed, unrenewed_by
from streamer.core.claim_log import ClaimNote
from streamer.core.interpret import interpret
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits, closing
from streamer.core.rules import Rule, attributes_of, rule_of
from streamer.core.session import Facts, SessionRef, SessionState, Size
from streamer.core.session_id import SESSION_KEYS
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn, flags_of
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate

K = TypeVar("K")
Texts = Literal["redacted", "kept"]
Asking = Literal[
    "ask",
    "stands",
    "waits",
    "not_scorable",
    "facts_expired",
    "shared_session_id",
    "retracted",
    "filtered",
    "sampled_out",
]
"""What the next claim would do about a judge, were it by quiet. `stands`: nothing, by its ledger or by its rule's
re-score policy; `waits`: not before its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of the deployment, as much as decides."""

    limits: Limits
    rules: Sequence[Rule]
    caps: Caps
    session_keys: tuple[str, ...] = SESSION_KEYS
    judges: Sequence[str] = ()

    @property
    def asked(self) -> frozenset[str]:
        """Attributes that some rule asks for."""
        return attributes_of(self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """`owners` and `turns` by trace; a turn is None where the trace gives none. `closings`: by a claim's token, why it
    closed the session, "" where it did not."""

    owners: Mapping[str, str | None] = field(default_factory=dict)
    turns: Mapping[str, Turn | None] = field(default_factory=dict)
    closings: Mapping[int, str] = field(default_factory=dict)
    transcript_hash: str | None = None
    """None: there is nothing to be judged."""
    first_trace: str | None = None
    flags: Sequence[str] = ()
    judges: Mapping[str, Asking] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`state` has the kept turns and the ledger; `facts` what is kept of its traces; `at_ms` when it was looked at."""

    session: SessionRef
    settings: Settings
    state: SessionState
    facts: Mapping[str, Facts]
    log: Sequence[ClaimNote]
    at_ms: int
    number: float = 0.0
    """The session's own, by which it is in a sample or not (sampling.draw)."""
    decided: Decided = Decided()
    texts: Texts = "kept"


class Difference(NamedTuple):
    """`where` names the decision; the rest is for people, and holds no text of the conversation."""

    where: str
    recorded: str
    replayed: str


def recorded(case: Case, translate: Translate | None = None) -> Decided:
    """What workers decided, as Redis has it; of what no claim has decided yet, what this version decides."""
    now = replayed(case, translate)
    owners = {t: facts.owner or now.owners.get(t) for t, facts in case.facts.items() if not facts.erased}
    current = {t: turn for t, turn in case.state.turns.items() if turn.version == case.state.members.get(t)}
    closings = {note.token: note.reason for note in _decisive(case)}
    hashes = {entry.transcript_hash for entry in _standing(case) if entry.transcript_hash}
    return replace(
        now,
        owners=owners,
        turns={**now.turns, **{t: turn for t, turn in current.items() if t in now.turns}},
        closings=closings,
        transcript_hash=min(hashes) if len(hashes) == 1 else now.transcript_hash,
        judges={**now.judges, **_as_stood(case, now)},
    )


def replayed(case: Case, translate: Translate | None = None) -> Decided:
    """What this version decides on the case's facts. `translate`: for dialects without a file of their own."""
    owners, turns = dict[str, str | None](), dict[str, Turn | None]()
    complete = True
    for trace_id in sorted(case.state.members):
        kept, facts = case.state.turns.get(trace_id), case.facts.get(trace_id)
        if facts is None:
            turns[trace_id], complete = kept, complete and kept is not None
            continue
        if facts.erased:
            continue
        settings = case.settings
        seen = interpret(trace_id, facts, kept, settings.caps, translate, settings.session_keys, settings.asked)
        owners[trace_id] = seen.owner
        if seen.owner == case.session.session_id:
            turns[trace_id] = seen.turn
            complete = complete and (seen.turn is not None or bool(facts.frames))
    mine = {t: turn for t, turn in turns.items() if turn is not None}
    transcript = assemble(case.session.session_id, mine)
    return Decided(
        owners=owners,
        turns=turns,
        closings={note.token: _closing(case, note, mine) for note in _decisive(case)},
        transcript_hash=transcript.hash if mine else None,
        first_trace=transcript.traces[0] if mine else None,
        flags=flags_of(transcript.turns),
        judges={name: _asking(case, name, transcript, complete) for name in case.settings.judges},
    )


def differences(case: Case, translate: Translate | None = None) -> list[Difference]:
    """Where this version decides otherwise than the case says; empty if nowhere."""
    now, then = replayed(case, translate), case.decided
    return [
        *_of_maps("owner of trace", then.owners, now.owners),
        *_of_turns(then.turns, now.turns),
        *_of_maps("closing by claim", then.closings, now.closings),
        *_of_values("transcript", then.transcript_hash, now.transcript_hash),
        *_of_values("first trace", then.first_trace, now.first_trace),
        *_of_values("flags", list(then.flags), list(now.flags)),
        *_of_maps("judge", then.judges, now.judges),
    ]


NOT_CLOSED = ("erase", "taken")
"""Of such claims the live path decided nothing: somebody had the session erased, or judged apart."""


def _decisive(case: Case) -> Iterator[ClaimNote]:
    """Claims that decided on the session as it is: what an earlier one saw of its turns is not known any more."""
    for note in case.log:
        if (
            note.version == case.state.version
            and note.ending in ("completed", "released")
            and note.due not in NOT_CLOSED
        ):
            yield note


def _closing(case: Case, note: ClaimNote, turns: Mapping[str, Turn]) -> str:
    if case.state.shared:
        return "max_traces"
    if not case.state.members:
        return "empty"
    rule = rule_of(case.settings.rules, case.session.scope.tenant, turns.values())
    seen = SessionState(
        activity_ms=note.activity_ms,
        opened_ms=note.opened_ms,
        ended_ms=note.session_ended_ms,
        full_ms=note.full_ms,
        closed_size=Size(note.closed_turns, note.closed_bytes),
    )
    return closing(seen, turns, rule, note.watermark_ms, case.settings.limits).reason or ""


def _asking(case: Case, judge: str, transcript: Transcript, complete: bool) -> Asking:
    """As the judge loop goes (loops/judge.py, loops/scoring.py)."""
    state, turns = case.state, transcript.turns
    if not turns and complete and not state.shared:
        return "retracted"
    rule = rule_of(case.settings.rules, case.session.scope.tenant, state.turns.values() if state.shared else turns)
    chosen = choices(rule, [judge], state.ledger, case.number, () if state.shared else turns)[judge]
    if not chosen.is_in:
        return "filtered" if chosen.reason == "filtered" else "sampled_out"
    if state.shared or not complete:
        return "shared_session_id" if state.shared else "facts_expired"
    entry = resumed(state.ledger.get(judge))
    if entry is not None and entry.settled(transcript.hash, case.at_ms):
        return "waits" if entry.state in ("retrying", "deferred") else "stands"
    if unrenewed_by(rule, entry, "quiet", state.reason):
        return "stands"
    return "ask" if any(turn.unscorable is None for turn in transcript.turns) else "not_scorable"


def _standing(case: Case) -> list[Entry]:
    """Entries that speak of the session as it is."""
    if case.state.has_grown:
        return []
    known = (case.state.ledger.get(name) for name in case.settings.judges)
    return [entry for entry in known if entry and entry.state in ("judged", "failed") and not entry.unrenewed]


def _as_stood(case: Case, now: Decided) -> dict[str, Asking]:
    """At rest a judge that was judged, or has failed for good, is not asked again; nor is one that was left out."""
    if case.state.has_grown:
        return {}
    stood: dict[str, Asking] = {}
    for name, entry in case.state.ledger.items():
        if entry.state == "filtered" or entry.state == "sampled_out":
            stood[name] = entry.state
        elif entry.state == "judged" and now.judges.get(name) in ("ask", "stands"):
            stood[name] = "stands"
    return {name: asking for name, asking in stood.items() if name in now.judges}


def _of_maps(what: str, then: Mapping[K, object], now: Mapping[K, object]) -> Iterator[Difference]:
    for name in sorted({*then, *now}, key=str):
        old, new = (side.get(name, "–") for side in (then, now))
        if old != new:
            yield Difference(f"{what} {name}", str(old), str(new))


def _of_values(what: str, then: object, now: object) -> Iterator[Difference]:
    if then != now:
        yield Difference(what, str(then), str(now))


def _of_turns(then: Mapping[str, Turn | None], now: Mapping[str, Turn | None]) -> Iterator[Difference]:
    for trace_id in sorted({*then, *now}):
        old, new = then.get(trace_id), now.get(trace_id)
        if old is None or new is None:
            if old is not new or (trace_id in then) != (trace_id in now):
                yield Difference(f"turn of trace {trace_id}", _there(old), _there(new))
            continue
        for name in Turn.__dataclass_fields__:
            left, right = getattr(_comparable(old), name), getattr(_comparable(new), name)
            if left != right:
                yield Difference(f"{name} of trace {trace_id}", _shape(left), _shape(right))


def _comparable(turn: Turn) -> Turn:
    """As Redis keeps it (turn_codec.py): resent history without what it has beside text."""
    return replace(turn, history=tuple(replace(message, omitted=()) for message in turn.history))


def _there(turn: Turn | None) -> str:
    return "none" if turn is None else "a turn"


def _shape(value: object) -> str:
    """As much of a value as may be told: of a text its length."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, tuple | frozenset):
        return f"{len(value)} of them"
    return str(value)
