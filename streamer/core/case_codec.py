"""A case as JSON that people can read and git can compare.

Rule: fields go by name, unknown ones are ignored: a case of another version is read as far as it can be.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

from streamer.core.case import Case, Decided, Settings
from streamer.core.claim_log import ClaimNote
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits
from streamer.core.rules import Pace, Rule
from streamer.core.session import NOTHING, Facts, SessionRef, SessionState, Size
from streamer.core.turn import Message, ToolEvent, Turn
from streamer.core.wire.caps import Caps

FORMAT = 1
T = TypeVar("T")


class NoCase(Exception):
    """The file is no case, or one of another format."""


def to_json(case: Case) -> str:
    scalars = {f.name for f in fields(SessionState)} - {"members", "turns", "ledger"}
    said = {
        "format": FORMAT,
        "texts": case.texts,
        "at_ms": case.at_ms,
        "number": case.number,
        "session": {**case.session.scope._asdict(), "id": case.session.session_id},
        "settings": {
            "limits": asdict(case.settings.limits),
            "rules": [asdict(rule) for rule in case.settings.rules],
            "caps": case.settings.caps._asdict(),
            "session_keys": case.settings.session_keys,
            "judges": list(case.settings.judges),
        },
        "state": {
            **{name: getattr(case.state, name) for name in sorted(scalars)},
            "members": dict(sorted(case.state.members.items())),
            "turns": {trace: turn_to_json(turn) for trace, turn in sorted(case.state.turns.items())},
            "ledger": {name: json.loads(entry.to_json()) for name, entry in sorted(case.state.ledger.items())},
        },
        "facts": {trace: _facts_to_json(facts) for trace, facts in sorted(case.facts.items())},
        "claims": [note._asdict() for note in case.log],
        "decided": {
            **asdict(case.decided),
            "turns": {t: turn and turn_to_json(turn) for t, turn in sorted(case.decided.turns.items())},
        },
    }
    return json.dumps(said, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def from_json(text: str) -> Case:
    """Raises NoCase."""
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise NoCase(f"it is of format {said['format']}, this version reads {FORMAT}")
        return _case(said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoCase(f"it is no case that `streamer explain --export` wrote ({type(error).__name__})") from None


def _case(said: Mapping[str, Any]) -> Case:
    name, settings, state, decided = said["session"], said["settings"], said["state"], said["decided"]
    turns = {trace: turn_from_json(turn) for trace, turn in state["turns"].items()}
    ledger = {judge: Entry.from_json(json.dumps(entry)) for judge, entry in state["ledger"].items()}
    then = {t: turn and turn_from_json(turn) for t, turn in decided["turns"].items()}
    closings = {int(token): reason for token, reason in decided["closings"].items()}
    return Case(
        session=SessionRef(Scope(name["source"], name["tenant"]), name["id"]),
        settings=Settings(
            limits=(limits := _known(Limits, settings["limits"])),
            rules=[_rule_from_json(rule, limits) for rule in settings["rules"]],
            caps=Caps(**settings["caps"]),
            session_keys=tuple(settings["session_keys"]),
            judges=settings["judges"],
        ),
        state=_known(SessionState, {**_numbers(state), "turns": turns, "ledger": ledger}),
        facts={trace: _facts_from_json(facts) for trace, facts in said["facts"].items()},
        log=[_note(note) for note in said["claims"]],
        at_ms=said["at_ms"],
        number=said.get("number", 0.0),
        decided=_known(Decided, {**decided, "turns": then, "closings": closings}),
        texts=said["texts"],
    )


def turn_to_json(turn: Turn) -> dict[str, Any]:
    """Without what is as by default: most of a turn is."""
    said = {f.name: getattr(turn, f.name) for f in fields(Turn)}
    said |= {"flags": sorted(turn.flags), "history": [asdict(m) for m in turn.history]}
    said["tools"] = [asdict(tool) for tool in turn.tools]
    defaults = {f.name: f.default for f in fields(Turn) if f.default is not MISSING}
    return {name: value for name, value in said.items() if value not in (defaults.get(name, MISSING), [], ())}


def turn_from_json(said: Mapping[str, Any]) -> Turn:
    read = {
        **said,
        "flags": frozenset(said.get("flags", ())),
        "history": tuple(Message(**{**m, "omitted": tuple(m["omitted"])}) for m in said.get("history", ())),
        "tools": tuple(ToolEvent(**tool) for tool in said.get("tools", ())),
    }
    for name in ("session_conflicts", "models", "omitted"):
        read[name] = tuple(said.get(name, ()))
    read["attributes"] = _pairs(said.get("attributes", ()))
    return _known(Turn, read)


def _pairs(said: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in said)


def _rule_from_json(said: Mapping[str, Any], limits: Limits) -> Rule:
    """What a rule of an older case does not say was the same for all sessions."""
    shared = {name: getattr(limits, name) for name in ("settle_ms", "max_age_ms", "max_turns", "max_bytes")}
    read = {**shared, **said, "attributes": _pairs(said.get("attributes", ()))}
    read["judges"] = None if said.get("judges") is None else tuple(said["judges"])
    return _known(Rule, {**read, "always_judge": tuple(said.get("always_judge", ()))})


def _numbers(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state whose tuples have their names again."""
    pace, size = state.get("pace"), state.get("closed_size")
    return {**state, "pace": pace and Pace(*pace), "closed_size": Size(*size) if size else NOTHING}


def _facts_to_json(facts: Facts) -> dict[str, Any]:
    return {**facts._asdict(), "frames": [base64.b64encode(frame).decode() for frame in facts.frames]}


def _facts_from_json(said: Mapping[str, Any]) -> Facts:
    frames = tuple(base64.b64decode(frame) for frame in said["frames"])
    return Facts(tuple(said["candidates"]), said["version"], frames, said["owner"], said["swept"], said["erased"])


def _note(said: Mapping[str, Any]) -> ClaimNote:
    return ClaimNote(**{name: value for name, value in said.items() if name in ClaimNote._fields})


def _known(kind: type[T], said: Mapping[str, Any]) -> T:
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    return kind(**{name: value for name, value in said.items() if name in names})
