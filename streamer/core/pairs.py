"""What a judge and people have said of the same sessions, as rows in MLflow tell it.

Rule: joined by session, since the first trace may have moved between verdict and label. Pairs stand for all judged
sessions, not for those that people were asked about: each label for as many as its stratum has for each of its labels,
divided by the chance that a session like it is judged at all (Horvitz & Thompson, 1952).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from streamer.core.alerts.rule import as_label
from streamer.core.assessment import StoredRow, StoredTrace
from streamer.core.labels import DRAW_KEY, STRATA_KEY, STRATUM_KEY
from streamer.core.row import SESSION_KEY
from streamer.core.verdict import VerdictValue

LeftOut = Literal["no_verdict", "judge_failed", "grown", "people_disagree", "picked"]
LEFT_OUT: dict[LeftOut, str] = {
    "no_verdict": "the judge has said nothing of them that MLflow holds",
    "judge_failed": "the judge gave no usable answer",
    "grown": "have grown since somebody read them: label them again",
    "people_disagree": "as many people say one thing as another",
    "picked": "somebody chose them, nobody knows how: --picked takes them in, with weight 1",
}


class Label(NamedTuple):
    """One person's word on a session."""

    person: str
    value: VerdictValue
    note: str
    turns: int | None
    transcript_hash: str | None
    """Of what the person read; None where a label was given in MLflow itself."""
    draw: str
    """Empty: it was drawn by nobody."""
    stratum: str
    strata: Mapping[str, int]


class Said(NamedTuple):
    """The judge's row on a session."""

    value: VerdictValue | None
    turns: int
    transcript_hash: str
    history: str
    probability: float
    judge_version: str
    token: int
    trace_id: str
    experiment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A session of which both have spoken, with what it stands for."""

    session_id: str
    verdict: str
    label: str
    people: tuple[str, ...]
    note: str
    stratum: str
    """Of which drawing, and which of its strata."""
    weight: float
    judge_version: str
    trace_id: str
    experiment_id: str


@dataclass(slots=True)
class Found:
    """What rows say, by session: the first trace may have moved between the verdict and the label."""

    judge: str
    said: dict[str, Said] = field(default_factory=dict)
    labels: defaultdict[str, dict[str, Label]] = field(default_factory=lambda: defaultdict(dict))
    on_turns: set[str] = field(default_factory=set)
    """Ids of labels of single turns, which speak of no session."""

    def add(self, trace: StoredTrace) -> None:
        for row in trace.rows:
            if row.name != self.judge or not row.valid:
                continue
            session_id = row.metadata.get(SESSION_KEY)
            if row.source_type == "HUMAN" and row.value is not None:
                if session_id:
                    self.labels[session_id][row.source_id] = _label_of(row)
                else:
                    self.on_turns.add(row.assessment_id)
            elif session_id and "streamer.revision" in row.metadata:
                said, known = _said_of(row, trace), self.said.get(session_id)
                if known is None or said.token >= known.token:
                    self.said[session_id] = said


class Paired(NamedTuple):
    pairs: Sequence[Pair]
    left_out: Mapping[LeftOut, int]
    unseen: Mapping[str, int]
    """Strata of the drawing without a label, and their sessions: nothing that is estimated speaks of them."""
    drawn: bool
    among_people: Sequence[Sequence[str]]
    """Labels of sessions that several people have read."""


def paired(found: Found, *, picked: bool = False) -> Paired:
    """`picked`: labels that nobody drew count too, each for one session. Where there are no others they do anyhow."""
    left_out: Counter[LeftOut] = Counter()
    drawn = any(label.draw for labels in found.labels.values() for label in labels.values())
    kept: list[tuple[str, Said, str, list[Label]]] = []
    among_people = []
    for session_id, by_person in sorted(found.labels.items()):
        labels, said = list(by_person.values()), found.said.get(session_id)
        if len(labels) > 1:
            among_people.append([as_label(label.value) for label in labels])
        joined = _joined(labels, said, takes_picked=picked or not drawn)
        if isinstance(joined, str):
            left_out[joined] += 1
        elif said is not None:
            kept.append((session_id, said, *joined))
    strata, sizes = _strata(label for *_, labels in kept for label in labels)
    labelled = Counter((one.draw, one.stratum) for *_, labels in kept for one in labels[:1])
    pairs = [
        Pair(
            session_id=session_id,
            verdict=verdict,
            label=as_label(labels[0].value),
            people=tuple(sorted(label.person for label in labels)),
            note=next((label.note for label in labels if label.note), ""),
            stratum=f"{labels[0].draw}|{labels[0].stratum}",
            weight=_weight(labels[0], said, sizes, labelled),
            judge_version=said.judge_version,
            trace_id=said.trace_id,
            experiment_id=said.experiment_id,
        )
        for session_id, said, verdict, labels in kept
    ]
    seen = {stratum for _, stratum in labelled}
    return Paired(
        pairs, left_out, {n: size for n, size in strata.items() if n not in seen and size}, drawn, among_people
    )


def _joined(labels: Sequence[Label], said: Said | None, *, takes_picked: bool) -> tuple[str, list[Label]] | LeftOut:
    """The verdict that the labels are to be compared with, and those labels that the majority gave."""
    if said is None:
        return "no_verdict"
    if said.value is None:
        return "judge_failed"
    labels = [label for label in labels if label.draw or takes_picked]
    if not labels:
        return "picked"
    told = [(verdict, label) for label in labels if (verdict := _verdict_about(label, said)) is not None]
    if not told:
        return "grown"
    votes = Counter(as_label(label.value) for _, label in told).most_common(2)
    if len(votes) > 1 and votes[0][1] == votes[1][1]:
        return "people_disagree"
    winners = [(verdict, label) for verdict, label in told if as_label(label.value) == votes[0][0]]
    winners.sort(key=lambda one: not one[1].draw)
    return as_label(winners[0][0]), [label for _, label in winners]


def _verdict_about(label: Label, said: Said) -> VerdictValue | None:
    """What the judge said of the same turns: now, or before the user came back."""
    if label.transcript_hash is None or label.transcript_hash == said.transcript_hash:
        return said.value
    earlier = [past for past in json.loads(said.history or "[]") if past.get("turns") == label.turns]
    value: VerdictValue | None = earlier[-1]["value"] if earlier and label.turns != said.turns else None
    return value


def _strata(labels: Iterable[Label]) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Sessions by stratum, and by drawing and stratum."""
    strata: dict[str, int] = {}
    sizes: dict[tuple[str, str], int] = {}
    for label in labels:
        for name, sessions in label.strata.items():
            strata[name] = max(strata.get(name, 0), sessions)
            sizes[label.draw, name] = max(sizes.get((label.draw, name), 0), sessions)
    return strata, sizes


def _weight(label: Label, said: Said, sizes: Mapping[tuple[str, str], int], labelled: Mapping[Any, int]) -> float:
    place = label.draw, label.stratum
    of_stratum = sizes[place] / labelled[place] if place in sizes else 1.0
    return of_stratum / said.probability if label.draw else 1.0


def _label_of(row: StoredRow) -> Label:
    said = row.metadata
    turns = said.get("streamer.turns", "")
    try:
        strata = {str(name): int(size) for name, size in json.loads(said.get(STRATA_KEY, "{}")).items()}
    except (AttributeError, TypeError, ValueError):
        strata = {}
    return Label(
        person=row.source_id,
        value=row.value,
        note=row.rationale,
        turns=int(turns) if turns.isdecimal() else None,
        transcript_hash=said.get("streamer.transcript_hash") or None,
        draw=said.get(DRAW_KEY, "") if strata else "",
        stratum=said.get(STRATUM_KEY, ""),
        strata=strata,
    )


def _said_of(row: StoredRow, trace: StoredTrace) -> Said:
    said = row.metadata
    turns, token = said.get("streamer.turns", ""), said.get("streamer.token", "")
    try:
        probability = float(said.get("streamer.inclusion_probability", "1"))
    except ValueError:
        probability = 1.0
    return Said(
        value=row.value if row.error_code is None else None,
        turns=int(turns) if turns.isdecimal() else 0,
        transcript_hash=said.get("streamer.transcript_hash", ""),
        history=said.get("streamer.history", ""),
        probability=probability if 0 < probability <= 1 else 1.0,
        judge_version=said.get("streamer.judge_version", ""),
        token=int(token) if token.isdecimal() else -1,
        trace_id=trace.trace_id,
        experiment_id=trace.experiment_id,
    )
