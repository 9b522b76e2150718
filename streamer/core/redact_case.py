"""A case without what was said in it, that decides the same.

Rule: names of people, sessions, agents, services and tenants go with the texts, each by the same placeholder wherever
it stands, also in the rules. The transcript's hash is that of the redacted transcript, put wherever the original one
stood; other hashes are placeholders too, since a short text can be guessed from its hash.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from streamer.core.case import Case, Decided, differences, replayed
from streamer.core.ids import Scope
from streamer.core.judges import KNOWN_VALUES
from streamer.core.ledger import Entry, Past
from streamer.core.redact import Redactor
from streamer.core.rules import Rule
from streamer.core.sampling import Inclusion
from streamer.core.session import Facts, SessionRef
from streamer.core.verdict import VerdictValue
from streamer.core.wire.conventions import Translate


class Changed(Exception):
    """Without its words the case would decide otherwise: `where`."""

    def __init__(self, where: list[str]) -> None:
        super().__init__(", ".join(where))
        self.where = where


def redacted(case: Case, key: bytes, translate: Translate | None = None) -> Case:
    """`key`: random bytes of this case alone. Raises Changed."""
    redactor = Redactor(key, keep={*case.state.members, *case.facts})
    bare = _bare(case, redactor)
    old, new = replayed(case, translate).transcript_hash, replayed(bare, translate).transcript_hash
    told = _with_hash(bare, redactor.maybe(old), new)
    before, after = ({found.where for found in differences(one, translate)} for one in (case, told))
    if before != after:
        raise Changed(sorted(before ^ after))
    return told


def _bare(case: Case, redactor: Redactor) -> Case:
    scope, session_id = case.session
    turns = {trace: redactor.turn(turn) for trace, turn in case.state.turns.items()}
    ledger = {name: _entry(entry, redactor) for name, entry in case.state.ledger.items()}
    return replace(
        case,
        session=SessionRef(Scope(scope.source, redactor.text(scope.tenant)), redactor.text(session_id)),
        settings=replace(case.settings, rules=[_rule(rule, redactor) for rule in case.settings.rules]),
        state=replace(case.state, turns=turns, ledger=ledger),
        number=_between(case.number, case.settings.rules),
        facts={trace: _facts(facts, redactor) for trace, facts in case.facts.items()},
        decided=_decided(case.decided, redactor),
        texts="redacted",
    )


def _between(number: float, rules: Iterable[Rule]) -> float:
    """Another one between the same shares: from the session's own its id could be guessed."""
    shares = sorted({0.0, 1.0, *(rule.sampling for rule in rules)})
    return next(((low + high) / 2 for low, high in pairwise(shares) if number < high), number)


def _facts(facts: Facts, redactor: Redactor) -> Facts:
    frames = (redactor.frame(frame) for frame in facts.frames)
    return facts._replace(
        candidates=tuple(sorted(map(redactor.text, facts.candidates))),
        frames=tuple(sorted(frame for frame in frames if frame is not None)),
        owner=redactor.maybe(facts.owner),
    )


def _rule(rule: Rule, redactor: Redactor) -> Rule:
    names = ("tenant", "service", "agent", "environment")
    said: dict[str, Any] = {name: redactor.maybe(getattr(rule, name)) for name in names}
    attributes = tuple((key, redactor.text(value)) for key, value in rule.attributes)
    return replace(rule, **said, name=redactor.text(rule.name), attributes=attributes)


def _decided(decided: Decided, redactor: Redactor) -> Decided:
    return replace(
        decided,
        owners={trace: redactor.maybe(owner) for trace, owner in decided.owners.items()},
        turns={trace: turn and redactor.turn(turn) for trace, turn in decided.turns.items()},
        transcript_hash=redactor.maybe(decided.transcript_hash),
    )


def _entry(entry: Entry, redactor: Redactor) -> Entry:
    verdict = entry.verdict
    if verdict is not None:
        verdict = replace(verdict, value=_value(verdict.value, redactor), rationale=redactor.text(verdict.rationale))
    return replace(
        entry,
        verdict=verdict,
        history=tuple(_past(past, redactor) for past in entry.history),
        transcript_hash=redactor.maybe(entry.transcript_hash),
        prompt_hash=redactor.maybe(entry.prompt_hash),
        inclusion=_redacted(entry.inclusion, redactor),
        judged_under=_redacted(entry.judged_under, redactor) if entry.judged_under else None,
    )


def _redacted(inclusion: Inclusion, redactor: Redactor) -> Inclusion:
    return inclusion._replace(rule=redactor.text(inclusion.rule))


def _past(past: Past, redactor: Redactor) -> Past:
    return past._replace(value=_value(past.value, redactor), rationale=redactor.text(past.rationale))


def _value(value: VerdictValue, redactor: Redactor) -> VerdictValue:
    """A free text may quote; what MLflow's own judges answer tells nothing."""
    return redactor.text(value) if isinstance(value, str) and value not in KNOWN_VALUES else value


def _with_hash(case: Case, old: str | None, new: str | None) -> Case:
    def of(entry: Entry) -> Entry:
        return replace(entry, transcript_hash=new) if old and entry.transcript_hash == old else entry

    decided = case.decided
    same = old is not None and decided.transcript_hash == old
    return replace(
        case,
        state=replace(case.state, ledger={name: of(entry) for name, entry in case.state.ledger.items()}),
        decided=replace(decided, transcript_hash=new) if same else decided,
    )
