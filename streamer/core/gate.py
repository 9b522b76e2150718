"""Limits that a run must keep so that a pipeline goes on: `--fail-under user_frustration=0.9`.

Rule: a failed judgement is not a low score, and no high one either. A limit is met if it would be were every failure a
bad verdict, missed if it would be were every one a good verdict, and open in between. Only `met` lets a pipeline go on.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streamer.core.judges import JudgeSpec
from streamer.core.verdict import VerdictValue

GOOD: tuple[VerdictValue, ...] = ("yes", "none", "resolved", "pass", True)
"""What says that all is well: MLflow's own judges' words, and what its pages count as passed (yes, true)."""
_BOUND = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}

State = Literal["met", "missed", "open"]


class Scored(NamedTuple):
    """One judge's outcome about one session. Exactly one of `value` and `failure` is there, or none: not judged."""

    judge: str
    case: str
    """What people call it: a session id, or a goal and a persona."""
    value: VerdictValue | None = None
    rationale: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """At least `share_min` of a judge's verdicts are to be one of `good`, or to keep the bound that it spells."""

    judge: str
    share_min: float
    good: tuple[VerdictValue, ...] = GOOD
    bound: str = ""

    def takes(self, value: VerdictValue) -> bool:
        """Is this a good verdict?"""
        if not self.bound:
            return is_one_of(value, self.good)
        found = _BOUND.fullmatch(self.bound)
        if found is None or isinstance(value, str | bool):
            return False
        return _COMPARE[found[1]](value, float(found[2]))

    def weigh(self, results: Iterable[Scored]) -> "Weighed":
        """Over this judge's results; those of others, and sessions that were not judged, do not count."""
        good = bad = failed = 0
        for one in results:
            if one.judge != self.judge:
                continue
            if one.failure is not None:
                failed += 1
            elif one.value is not None and self.takes(one.value):
                good += 1
            elif one.value is not None:
                bad += 1
        return Weighed(self, good, bad, failed)


class Weighed(NamedTuple):
    """A gate and what was counted for it."""

    gate: Gate
    good: int
    bad: int
    failed: int

    @property
    def share(self) -> float | None:
        """Of good verdicts among all; None without one."""
        return self.good / (self.good + self.bad) if self.good + self.bad else None

    @property
    def state(self) -> State:
        total = self.good + self.bad + self.failed
        if not total:
            return "open"
        if self.good >= self.gate.share_min * total:
            return "met"
        return "missed" if self.good + self.failed < self.gate.share_min * total else "open"

    def __str__(self) -> str:
        """A sentence with the figures."""
        wanted, total = f"{self.gate.share_min:.0%} wanted", self.good + self.bad
        if self.share is None:
            failures = f", {self.failed} judge failures" if self.failed else ""
            return f"{self.gate.judge}: no verdict{failures}; {wanted}: {self.state}"
        failures = f", and {self.failed} judge failures" if self.failed else ""
        return f"{self.gate.judge}: {self.good} of {total} good ({self.share:.1%}){failures}; {wanted}: {self.state}"


def is_one_of(value: VerdictValue, values: Sequence[VerdictValue]) -> bool:
    """True is not 1, and "1" is neither."""
    return any(type(one) is type(value) and one == value for one in values)


def gates_of(texts: Iterable[str], specs: Mapping[str, JudgeSpec]) -> list[Gate]:
    """From `judge=0.9`, `judge=90%`, `judge:polite|neutral=0.9` or `judge:>=4=0.8`. ValueError with the remedy."""
    return [_gate(text, specs) for text in texts]


def _gate(text: str, specs: Mapping[str, JudgeSpec]) -> Gate:
    left, found, right = text.rpartition("=")
    share = _share(right)
    if not found or share is None:
        raise ValueError(
            f"--fail-under {text!r} is not <judge>=<share>, as in user_frustration=0.9 (or 90%); good values of a "
            "judge of your own stand between: tone:polite|neutral=0.9, quality:>=4=0.8"
        )
    judge, _, said = (left, "", "") if left in specs else left.rpartition(":")
    spec = specs.get(judge)
    if spec is None:
        raise ValueError(f"--fail-under {text!r}: no judge {judge or left!r} in this run; it has {', '.join(specs)}")
    if _BOUND.fullmatch(said):
        return Gate(judge=judge, share_min=share, bound=said)
    good = tuple(_value(word, spec) for word in said.split("|")) if said else _usual(spec)
    if not good:
        raise ValueError(
            f"--fail-under {text!r}: which values of {judge} are good? Name them, as in {judge}:"
            f"{_example(spec)}={right}"
        )
    return Gate(judge=judge, share_min=share, good=good)


def _share(text: str) -> float | None:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _usual(spec: JudgeSpec) -> tuple[VerdictValue, ...]:
    """What this judge says when all is well, as far as it is known."""
    if spec.labels:
        return tuple(label for label in spec.labels if is_one_of(label, GOOD))
    if spec.type == "make_judge" and spec.value_type != "bool":
        return ()
    return GOOD


def _value(word: str, spec: JudgeSpec) -> VerdictValue:
    """A word of the command line as the judge would say it. ValueError where it never would."""
    value: VerdictValue = word.strip()
    if spec.value_type != "str":
        try:
            value = json.loads(word.strip().lower())
        except ValueError:
            if spec.value_type == "any":
                return value
            raise ValueError(f"--fail-under: {spec.name} never says {word!r}; it says a {spec.value_type}") from None
    if spec.labels and not spec.accepts(value):
        raise ValueError(f"--fail-under: {spec.name} never says {word!r}; it says {', '.join(map(str, spec.labels))}")
    return value


def _example(spec: JudgeSpec) -> str:
    if spec.labels:
        return str(spec.labels[0])
    return ">=4" if spec.value_type in ("int", "float") else "polite|neutral"
