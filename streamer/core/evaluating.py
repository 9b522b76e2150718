"""A session that is judged apart from the live path: what is read of it, what is asked, what becomes of the answers.

Rule: what the live path knows of a session stands. Its turns are read instead of MLflow's, so that the transcript is
the one that it would judge; a verdict of the same judge about the same transcript is taken, not asked for again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from streamer.core.assessment import StoredTrace
from streamer.core.interpret import interpret
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.preview import facts_by_trace
from streamer.core.rebuild import Restored, restored
from streamer.core.sampling import Inclusion
from streamer.core.session import Facts, SessionRef, SessionState
from streamer.core.session_id import SESSION_KEYS
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.core.wire.caps import Caps
from streamer.core.wire.conventions import Translate
from streamer.core.wire.cut import Cutter
from streamer.core.wire.decode import CAPS
from streamer.core.wire.records import Record

Skipped = Literal["spans_missing", "shared_session_id", "no_turns", "not_searchable", "probe"]
"""spans_missing: MLflow has a trace and not its spans, so that nobody could speak of all turns · shared_session_id:
more traces carry the id than a conversation has · no_turns: its traces are erased, or other sessions' · not_searchable:
MLflow takes no such id in a search · probe: nobody's conversation, sent by `streamer probe`."""


class Found(NamedTuple):
    """A session as a source has it. `stored`: what MLflow has of it, None where it was not asked."""

    ref: SessionRef
    turns: Mapping[str, Turn]
    stored: Sequence[StoredTrace] | None = None
    skipped: Skipped | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judge's word on a session. `stands`: it was given before and is not asked for again."""

    spec: JudgeSpec
    outcome: Verdict | JudgeFailure
    stands: bool = False
    owed: bool = False
    """It stands, and MLflow or the feed have not taken it yet."""
    calls: int = 0
    """Answers that were bought now; the others were saved ones."""
    cost_usd: float | None = 0.0
    """Of those that were bought; None where a price is unknown."""
    tokens: int = 0
    prompt_hash: str | None = None
    scored_at_ms: int = 0
    number: int = 0
    """Which of several times it was asked, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A session with what its judges said. `state`: what the live path knew of it, None if nothing."""

    ref: SessionRef
    transcript: Transcript
    turns: Mapping[str, Turn]
    judged: tuple[Judged, ...]
    state: SessionState | None = None
    stored: Sequence[StoredTrace] | None = None
    skipped: Skipped | None = None

    @property
    def fresh(self) -> dict[str, Judged]:
        """Verdicts that are to be written, by judge."""
        told = (one for one in self.judged if (one.owed or not one.stands) and not one.number)
        return {one.spec.name: one for one in told if isinstance(one.outcome, Verdict)}


def turns_of(
    documents: Iterable[Record], cutter: Cutter, caps: Caps, translate: Translate | None, asked: frozenset[str]
) -> dict[str, Turn]:
    """What records say, whole traces or parts of them, the way that ingest and a claim go."""
    fragments = (fragment for document in documents for fragment in cutter.cut(document).fragments)
    turns = {}
    for (_, trace_id), facts in facts_by_trace(fragments).items():
        turn = interpret(trace_id, facts, None, caps, translate, cutter.rules.session_keys, asked).turn
        if turn is not None:
            turns[trace_id] = turn
    return turns


def merged(
    ref: SessionRef,
    read: Mapping[str, Turn],
    facts: Mapping[str, Facts],
    state: SessionState | None,
    caps: Caps = CAPS,
    translate: Translate | None = None,
    keys: tuple[str, ...] = SESSION_KEYS,
    asked: frozenset[str] = frozenset(),
) -> dict[str, Turn]:
    """The session's turns: those that the live path has read or can read, and MLflow's where it knows nothing of a
    trace. An erased trace is gone, one that the live path gave to another session is that one's."""
    kept = {trace: turn for trace, turn in state.turns.items() if turn.version} if state else {}
    moved = {trace for trace, turn in state.turns.items() if not turn.version} if state else set()
    turns = {**{trace: turn for trace, turn in read.items() if trace not in moved}, **kept}
    for trace_id, known in facts.items():
        if known.erased:
            turns.pop(trace_id, None)
        elif known.frames or known.owner is not None:
            owner, turn = interpret(trace_id, known, kept.get(trace_id), caps, translate, keys, asked)
            if owner is not None and owner != ref.session_id:
                turns.pop(trace_id, None)
            elif turn is not None:
                turns[trace_id] = turn
    return turns


def known_before(
    namespace: str, transcript: Transcript, stored: Sequence[StoredTrace], specs: Sequence[JudgeSpec]
) -> Restored:
    """What rows in MLflow tell of earlier verdicts."""
    members = {trace.trace_id.removeprefix("tr-") for trace in stored} | set(transcript.traces)
    return restored(namespace, transcript, members, stored, specs, -1)


def standing(entry: Entry | None, spec: JudgeSpec, transcript: Transcript) -> Judged | None:
    """The verdict that this very judge has given about this very transcript."""
    if entry is None or entry.verdict is None or entry.transcript_hash != transcript.hash:
        return None
    if entry.judge_version != spec.version or entry.state != "judged":
        return None
    return Judged(
        spec=spec,
        outcome=entry.verdict,
        stands=True,
        owed=entry.owes,
        prompt_hash=entry.prompt_hash,
        scored_at_ms=entry.scored_at_ms,
    )


def handed(old: Entry | None, judged: Judged, transcript: Transcript, generation: int, rule: str) -> Entry:
    """The entry of a verdict that is handed over: told to nobody yet. What stood before moves into the history, also
    where the transcript is the same and the judge another one. Whoever evaluates has chosen the session: under its
    rule, which the live path would name too, it had no chance to be left out."""
    if not isinstance(judged.outcome, Verdict):
        raise ValueError("a failure is not handed over: it replaces no verdict")
    if old is not None and judged.owed and standing(old, judged.spec, transcript) is not None:
        return old
    return Entry(
        state="judged",
        generation=generation,
        judge_version=judged.spec.version,
        transcript_hash=transcript.hash,
        verdict=judged.outcome,
        revision=(old.revision if old else 0) + 1,
        prompt_hash=judged.prompt_hash,
        attempts=1,
        turns=len(transcript.turns),
        scored_at_ms=judged.scored_at_ms,
        history=old.past() if old else (),
        inclusion=Inclusion(1.0, "all", rule),
    )


def with_versions(turns: Mapping[str, Turn], versions: Mapping[str, int]) -> list[Turn]:
    """The turns that the live path gets, under the versions that it has given their traces."""
    return [replace(turns[trace_id], version=version) for trace_id, version in sorted(versions.items())]


def differing(specs: Sequence[JudgeSpec], in_force: Mapping[str, str]) -> list[str]:
    """Judges that the live path has under the same name and with another definition."""
    return sorted(spec.name for spec in specs if in_force.get(spec.name, spec.version) != spec.version)
