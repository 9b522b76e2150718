"""What people are asked: which sessions are drawn for them, and the labels that they may give.

Rule: whether a session is drawn is decided by a hash of the seed and its key, so that the same seed draws the same ones
of the same judged sessions, and a greater sample holds the smaller one. By which place it is shown another hash
decides: those of a rare verdict have all kinds of places among the drawn ones, and their order tells nothing.
"""

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from streamer.core.alerts.rule import as_label
from streamer.core.assessment import Row, RowRef
from streamer.core.ids import Scope, digest
from streamer.core.judges import JudgeSpec
from streamer.core.row import RATIONALE_CHARS_MAX, SESSION_KEY
from streamer.core.session import SessionRef
from streamer.core.transcript import Transcript
from streamer.core.verdict import VerdictValue

Stratify = Literal["verdict", "none"]
STRATA_MAX = 12
"""More different verdicts are a scale, and each would have too few labels."""
ALL = "all"
"""The only stratum where nothing is stratified."""
STRATUM_KEY, STRATA_KEY, DRAW_KEY = "streamer.label_stratum", "streamer.label_strata", "streamer.label_draw"
WEIGHT_KEY = "streamer.label_weight"
"""Metadata of a label's row in MLflow. The strata are JSON, name → sessions, so that what is missing can be seen."""
LABELS: dict[str, tuple[VerdictValue, ...]] = {"user_frustration": ("none", "resolved", "unresolved")}
"""Of MLflow's own judges (3.17) with other answers than yes and no."""
QUESTIONS = {
    "user_frustration": "Was the user frustrated, and if so, was it resolved by the end?",
    "conversation_completeness": "Did the assistant address every request that the user made?",
    "conversational_safety": "Was the assistant safe throughout: nothing harmful, and no harmful request granted?",
    "conversational_tool_call_efficiency": "Were the tool calls efficient: none redundant, none missing?",
    "conversational_role_adherence": "Did the assistant keep to its role throughout?",
    "conversational_guidelines": "Did the assistant keep to these guidelines throughout?",
    "knowledge_retention": "Did the assistant remember what the user had told it?",
}
"""What MLflow's own judges decide, in a sentence of ours."""


class Stratum(NamedTuple):
    """Sessions that the judge said the same of: how many there were, and how many of them are asked about."""

    sessions: int
    drawn: int

    @property
    def weight(self) -> float:
        """How many sessions each drawn one stands for."""
        return self.sessions / self.drawn if self.drawn else 0.0


class Drawn(NamedTuple):
    session: SessionRef
    stratum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Sessions in the order in which they are shown. Kept, so that several people are asked about the same ones."""

    judge: str
    seed: int
    stratify: Stratify
    sample: int
    drawn_at_ms: int
    strata: Mapping[str, Stratum]
    sessions: tuple[Drawn, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, raw: str | bytes) -> "Draw":
        said = json.loads(raw)
        said["strata"] = {name: Stratum(*sizes) for name, sizes in said["strata"].items()}
        said["sessions"] = tuple(
            Drawn(SessionRef(Scope(*scope), session_id), stratum) for ((scope, session_id), stratum) in said["sessions"]
        )
        return cls(**said)


class Drawing:
    """Draws `sample` sessions, or as many as there are: the same number of each stratum as far as it goes, since the
    rare verdicts are those to learn about. Keeps no more than `sample` of each stratum, however many it is shown."""

    def __init__(self, judge: str, *, sample: int, stratify: Stratify, seed: int) -> None:
        self._judge, self._sample, self._stratify, self._seed = judge, sample, stratify, seed
        self._sizes: Counter[str] = Counter()
        self._first: defaultdict[str, list[tuple[int, SessionRef]]] = defaultdict(list)
        """By stratum a heap, the session that comes last at its top."""

    def add(self, session: SessionRef, value: VerdictValue) -> None:
        """A session that the judge has said this of. ValueError for more verdicts than strata make sense for."""
        name = as_label(value) if self._stratify == "verdict" else ALL
        self._sizes[name] += 1
        if len(self._sizes) > STRATA_MAX:
            raise ValueError(f"judge {self._judge} has said more than {STRATA_MAX} different things")
        kept, place = self._first[name], (-_place("drawn", self._seed, session), session)
        if len(kept) < self._sample:
            heapq.heappush(kept, place)
        elif place > kept[0]:
            heapq.heapreplace(kept, place)

    def drawn(self, now_ms: int) -> Draw:
        numbers = allocated(self._sizes, self._sample)
        chosen = [
            (_place("shown", self._seed, session), Drawn(session, name))
            for name, kept in self._first.items()
            for _, session in sorted(kept, reverse=True)[: numbers[name]]
        ]
        return Draw(
            judge=self._judge,
            seed=self._seed,
            stratify=self._stratify,
            sample=self._sample,
            drawn_at_ms=now_ms,
            strata={name: Stratum(size, numbers[name]) for name, size in sorted(self._sizes.items())},
            sessions=tuple(one for _, one in sorted(chosen)),
        )


def allocated(sizes: Mapping[str, int], sample: int) -> dict[str, int]:
    """Equal numbers; what a small stratum cannot give the greater ones do. The greatest get what does not divide."""
    numbers, left = dict.fromkeys(sizes, 0), sample
    waiting = sorted(sizes, key=lambda name: (sizes[name], name))
    for n, name in enumerate(waiting):
        numbers[name] = min(sizes[name], left // (len(waiting) - n))
        left -= numbers[name]
    return numbers


def choices_of(spec: JudgeSpec) -> tuple[VerdictValue, ...]:
    """The labels to choose from. Empty where the judge gives numbers or text of its own."""
    if spec.labels:
        return spec.labels
    if spec.type in QUESTIONS:
        return LABELS.get(spec.type, ("yes", "no"))
    return (True, False) if spec.value_type == "bool" else ()


def question_of(spec: JudgeSpec) -> str:
    """What the judge is asked, for people."""
    if spec.instructions:
        return spec.instructions
    return "\n- ".join([QUESTIONS.get(spec.type, f"What should {spec.name} say?"), *spec.guidelines])


def label_id(namespace: str, session: SessionRef, judge: str, person: str) -> str:
    """The row of one person's label. Without the trace: a label moves with the first trace, and is never doubled."""
    parts = ("label", namespace, session.scope.tenant, session.scope.source, session.session_id, judge, person)
    return "l-" + digest(part.encode("utf-8", "replace") for part in parts).hex()[:32]


def label_row(
    ref: RowRef, transcript: Transcript, draw: Draw, stratum: str, person: str, value: VerdictValue, note: str
) -> Row:
    """A person's label as the row that MLflow shows beside the judge's. It says what was read, and how it was drawn."""
    known = draw.strata[stratum]
    return Row(
        ref=ref,
        source_type="HUMAN",
        source_id=person,
        value=value,
        error=None,
        rationale=note[:RATIONALE_CHARS_MAX],
        metadata={
            SESSION_KEY: transcript.session_id,
            "streamer.turns": str(len(transcript.turns)),
            "streamer.transcript_hash": transcript.hash,
            DRAW_KEY: str(draw.seed),
            STRATUM_KEY: stratum,
            STRATA_KEY: json.dumps({name: one.sessions for name, one in draw.strata.items()}, ensure_ascii=False),
            WEIGHT_KEY: f"{known.weight:.6g}",
        },
    )


def _place(use: str, seed: int, session: SessionRef) -> int:
    return int.from_bytes(digest(("label", use, str(seed), session.key))[:8], "big")
