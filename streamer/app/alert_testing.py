"""A history of verdicts through alert rules: of a feed file, of the topic, or of an experiment in MLflow.

Rule: what cannot be read is counted and named, and stops nothing as long as something can be. Millions of records are
sorted in parts on disk; memory holds one part.
"""

import asyncio
import gzip
import heapq
import json
import pickle
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, cast, get_args

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.mlflow_assessments import MlflowAssessments
from streamer.app.building import access_of
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.expected import Delay, delay_of, false_alarms_per_day
from streamer.core.alerts.observation import Observation, UnreadableRecord, observed
from streamer.core.alerts.replay import Replay, order_of
from streamer.core.alerts.rule import AlertRule, as_label
from streamer.core.alerts.stored import record_of
from streamer.core.assessment import StoredTrace
from streamer.core.feed import FeedKind
from streamer.errors import ConfigurationError
from streamer.settings import Settings

PART = 200_000
"""Records sorted at once, some 200 MB."""
BAD_SHOWN = 5
LABELS_MAX = 20
"""Of a judge whose answers are free text or numbers no more are remembered."""
Line = tuple[str, str | bytes]
"""Where a record stands (`line 3`), and its JSON."""
Advance = Callable[[int], None]
"""Bytes that were read, for a progress bar."""


@dataclass(slots=True)
class Read:
    """What was in the history beside what is tested."""

    records: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """Why records do not enter a test."""
    judges: dict[str, set[str]] = field(default_factory=dict)
    """Judge → labels that it gave."""

    def refuse(self, where: str, why: str) -> None:
        self.unreadable += 1
        if len(self.examples) < BAD_SHOWN:
            self.examples.append(f"{where}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    read: Read
    replay: Replay
    episodes: list[Episode]

    @property
    def false_alarms_per_day(self) -> float:
        return sum(false_alarms_per_day(track) for track in self.replay.tracks.values())

    def delay(self) -> Delay | None:
        """Of the series with most conversations."""
        tracks = self.replay.tracks.values()
        return delay_of(max(tracks, key=lambda track: track.conversations)) if tracks else None


def tested(lines: Iterable[Line], rules: Callable[[Mapping[str, set[str]]], list[AlertRule]]) -> Tested:
    """`rules` are chosen by the judges, and their labels, that the history has. ConfigurationError if it has nothing
    that any of them takes."""
    read = Read()
    with ExitStack() as stack:
        ordered = _ordered(_observed(lines, read), stack)
        chosen = rules(read.judges)
        replay = Replay(chosen)
        for seen in ordered:
            replay.add(seen)
    if replay.outside:
        read.left_out["outside the sample"] += replay.outside
    if not replay.tracks:
        raise ConfigurationError(_nothing(read, chosen))
    return Tested(read=read, replay=replay, episodes=replay.finish())


def lines_of(file: Path, advance: Advance = lambda _: None) -> Iterator[Line]:
    """Of a file as `streamer feed tail --json` prints it; .gz is unpacked, `-` is standard input."""
    try:
        with _opened(file) as source:
            for n, line in enumerate(source, 1):
                advance(len(line))
                if line.strip():
                    yield f"line {n}", line
    except OSError as error:
        raise ConfigurationError(f"--feed {file}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise ConfigurationError(
            f"--feed {file}: it is cut or damaged; `gzip -dc {file} | … --feed -` takes what can be unpacked"
        ) from None


def lines_since(settings: Settings, since_ms: int) -> Iterator[Line]:
    """Of the feed's topic; without joining a group."""
    for record in kafka_reader.whole(settings.kafka.connection(), settings.feed.topic, since_ms):
        if record.value:
            yield f"{record.topic}/{record.partition} offset {record.offset}", record.value


def lines_in_mlflow(settings: Settings, experiment_id: str) -> Iterator[Line]:
    """Of the rows on an experiment's traces, of streamer's judges or of MLflow's own; a page of traces at a time."""

    with asyncio.Runner() as runner:
        assessments = MlflowAssessments(access_of(settings))
        traces = assessments.judged(experiment_id)

        async def following() -> StoredTrace | None:
            return await anext(traces, None)

        try:
            while (trace := runner.run(following())) is not None:
                for row in trace.rows:
                    if (record := record_of(row, trace.start_ms)) is not None:
                        yield f"assessment {row.assessment_id}", json.dumps(record)
        finally:
            runner.run(assessments.close())


def never_given(tested: Tested) -> Iterator[str]:
    """A sentence for each rule none of whose labels is in the history: it could not have raised anybody."""
    for rule in tested.replay.rules:
        given = tested.read.judges.get(rule.judge, set())
        if 0 < len(given) < LABELS_MAX and not given & set(rule.labels) and not rule.refusals:
            yield (
                f"rule {rule.name}: no verdict of this history is {' or '.join(rule.labels)}; {rule.judge} answered "
                f"{', '.join(sorted(given))}"
            )


def _opened(file: Path) -> BinaryIO | gzip.GzipFile:
    if str(file) == "-":
        return sys.stdin.buffer
    return gzip.GzipFile(file) if file.suffix == ".gz" else file.open("rb")


def _observed(lines: Iterable[Line], read: Read) -> Iterator[Observation]:
    for where, text in lines:
        read.records += 1
        try:
            seen = observed(_value(text))
        except UnreadableRecord as error:
            read.refuse(where, str(error))
            continue
        except (ValueError, RecursionError) as error:
            read.refuse(where, f"no JSON: {error}")
            continue
        if why := _left_out(seen):
            read.left_out[why] += 1
            continue
        if seen.value is not None and len(labels := read.judges.setdefault(seen.judge, set())) < LABELS_MAX:
            labels.add(as_label(seen.value))
        yield _short(seen)


def _value(text: str | bytes) -> Mapping[str, Any]:
    """A record's value; also where a line holds key and value, as other tools print it."""
    value: Any = json.loads(text)
    if isinstance(value, dict) and "kind" not in value and isinstance(value.get("value"), dict):
        value = value["value"]
    return cast(Mapping[str, Any], value)


def _left_out(seen: Observation) -> str:
    """Why no rule takes the record; empty if one may."""
    if seen.kind not in ("verdict", "failure"):
        return {kind: f"{kind}s" for kind in get_args(FeedKind)}.get(seen.kind, "") or "others"
    if seen.origin != "live":
        return seen.origin
    if not seen.is_first:
        return "judged again"
    return "failures" if seen.kind == "failure" and seen.failure != "refused" else ""


def _short(seen: Observation) -> Observation:
    """Without what no rule reads; names that come again and again are one object, on disk and in memory."""
    return replace(
        seen,
        rationale="",
        quote="",
        models=(),
        tools=(),
        event_id="",
        session_id="",
        first_trace_id="",
        model="",
        decisions=(),
        tenant=sys.intern(seen.tenant),
        agent=sys.intern(seen.agent),
        service=sys.intern(seen.service),
        version=sys.intern(seen.version),
        environment=sys.intern(seen.environment),
        judge=sys.intern(seen.judge),
        judge_version=sys.intern(seen.judge_version),
        inclusion_rule=sys.intern(seen.inclusion_rule),
    )


def _ordered(seen: Iterator[Observation], stack: ExitStack) -> Iterator[Observation]:
    """All of them, read to the end at once; merged from parts that were sorted."""
    parts: list[Iterator[Observation]] = []
    part: list[Observation] = []
    for one in seen:
        part.append(one)
        if len(part) >= PART:
            parts.append(_kept(sorted(part, key=order_of), stack))
            part = []
    part.sort(key=order_of)
    return heapq.merge(*parts, part, key=order_of) if parts else iter(part)


def _kept(part: list[Observation], stack: ExitStack) -> Iterator[Observation]:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 – the stack closes it
    for first in range(0, len(part), 1_000):
        pickle.dump(part[first : first + 1_000], file, pickle.HIGHEST_PROTOCOL)
    file.seek(0)
    return _back(file)


def _back(file: IO[bytes]) -> Iterator[Observation]:
    while True:
        try:
            block = pickle.load(file)
        except EOFError:
            return
        yield from block


def _nothing(read: Read, rules: Iterable[AlertRule]) -> str:
    if read.records == 0:
        return "the history is empty: no record of the feed is in it"
    if read.unreadable == read.records:
        return (
            f"none of {read.records} records is one of the feed ({read.examples[0]}); a line holds one, as `streamer "
            "feed tail --json` prints it"
        )
    said = ", ".join(f"{judge} ({', '.join(sorted(labels))})" for judge, labels in sorted(read.judges.items()))
    asked = ", ".join(f"{rule.name} (judge {rule.judge})" for rule in rules) or "none"
    why = "; ".join(f"{count} {why}" for why, count in read.left_out.items())
    return (
        f"no record enters a rule: rules {asked}; first verdicts by judge {said or 'none'}; left out "
        f"{why or 'nothing'}; name a rule that fits, as in --rule judge=…,labels=…"
    )
