"""Conversations that are made up to try an agent: what a case asks for, and how one came to its end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

GOAL_ACHIEVED = "goal_achieved"
"""The simulator's own verdict, beside those of the judges."""
DEFAULT_PERSONA = "a user"
KEYS = ("goal", "persona", "simulation_guidelines", "context", "expectations", "says")
RESERVED = ("input", "messages", "mlflow_session_id")
"""What MLflow's simulator hands to the agent itself (3.17, genai/simulators)."""
Ending = Literal["goal", "max_turns", "no_answer", "agent_failed", "user_failed", "tracing_failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One conversation to hold. `says`: what the scripted user says, line by line; otherwise it makes its lines up."""

    goal: str
    persona: str | None = None
    simulation_guidelines: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    expectations: Mapping[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.goal} · {self.persona}" if self.persona else self.goal

    def for_mlflow(self) -> dict[str, Any]:
        """As ConversationSimulator takes it."""
        told: dict[str, Any] = {"goal": self.goal}
        told |= {"persona": self.persona} if self.persona else {}
        told |= {"simulation_guidelines": list(self.simulation_guidelines)} if self.simulation_guidelines else {}
        told |= {"context": dict(self.context)} if self.context else {}
        return told | ({"expectations": dict(self.expectations)} if self.expectations else {})


@dataclass(slots=True)
class Held:
    """A conversation as it was held. `detail` says what went wrong, never what was said."""

    case: Case
    session_id: str = ""
    trace_ids: list[str] = field(default_factory=list)
    ending: Ending = "max_turns"
    detail: str = ""
    goal_achieved: bool = False

    @property
    def turns(self) -> int:
        return len(self.trace_ids)


def cases_of(rows: Iterable[object]) -> list[Case]:
    """ValueError with the case's number and what is wrong with it."""
    cases = [_case(row, number) for number, row in enumerate(rows, start=1)]
    if not cases:
        raise ValueError('there is no case: one is {"goal": "find out where my parcel is", "persona": "in a hurry"}')
    return cases


def _case(row: object, number: int) -> Case:
    if not isinstance(row, Mapping):
        raise ValueError(f"case {number} is {row!r}, and no table with a goal")
    for key in row:
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, 1)
            meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
            raise ValueError(f"case {number} has {key!r}: {meant}")
    goal = row.get("goal")
    if not isinstance(goal, str) or not goal.strip():
        raise ValueError(f"case {number} has no goal: what does the user want to achieve?")
    context = _table(row, "context", number)
    if taken := sorted(set(context) & set(RESERVED)):
        raise ValueError(f"case {number} has {', '.join(taken)} in its context, which the simulator gives itself")
    return Case(
        goal=goal.strip(),
        persona=_text(row, "persona", number),
        simulation_guidelines=_texts(row, "simulation_guidelines", number),
        context=context,
        expectations=_table(row, "expectations", number),
        says=_texts(row, "says", number),
    )


def _text(row: Mapping[Any, Any], key: str, number: int) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise ValueError(f"case {number}: {key} is text, not {value!r}")


def _texts(row: Mapping[Any, Any], key: str, number: int) -> tuple[str, ...]:
    value = row.get(key)
    if value is None:
        return ()
    told: Sequence[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else [None]
    if not all(isinstance(text, str) for text in told):
        raise ValueError(f"case {number}: {key} is text or a list of texts, not {value!r}")
    return tuple(str(text) for text in told)


def _table(row: Mapping[Any, Any], key: str, number: int) -> dict[str, Any]:
    value = row.get(key)
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(name): said for name, said in value.items()}
    raise ValueError(f"case {number}: {key} is a table, not {value!r}")
