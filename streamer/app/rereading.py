"""What a rebuild would read of Kafka, and the records of it in batches.

Rule: no group is joined and nothing is kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from streamer.adapters.kafka import reader
from streamer.adapters.kafka.reader import Span
from streamer.app.people import now_ms
from streamer.core.dead_letters import SUFFIX
from streamer.core.ids import Scope, session_key
from streamer.core.reading import Start
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import Record
from streamer.settings import Settings, Source

BATCH_RECORDS = 500


class Stretch(NamedTuple):
    """What is to be read of one topic."""

    source: Source
    topic: str
    spans: Mapping[int, Span]

    @property
    def records(self) -> int:
        return sum(span.end - span.first for span in self.spans.values())


class Plan(NamedTuple):
    asked_at_ms: int
    """Taken before the ends were asked for: every record that came before is in a stretch."""
    stretches: Sequence[Stretch]


@dataclass(slots=True)
class Estimate:
    """What a rebuild would read."""

    sessions: set[str] = field(default_factory=set)
    traces: set[tuple[str, str]] = field(default_factory=set)
    since_ms: dict[str, int] = field(default_factory=dict)
    """By topic: the time of the earliest record."""
    bytes: int = 0
    """Of spans, as they are kept in Redis."""


Tell = Callable[[str, int, int], None]
"""What is done, how much of it is done, and of how much."""


def planned(settings: Settings, start: Start) -> Plan:
    """The records from `start` on that Kafka holds now."""
    connection, asked_at_ms = settings.kafka.connection(), now_ms()
    there = sorted(reader.topics(connection))
    stretches = []
    for source in settings.sources:
        names = {name for name in there if source.reads(name) and not name.endswith(SUFFIX)}
        names |= {name for name in source.topics if not name.startswith("^")}
        stretches += [Stretch(source, name, reader.spans(connection, name, start)) for name in sorted(names)]
    return Plan(asked_at_ms, stretches)


def estimate(settings: Settings, plan: Plan, tell: Tell) -> Estimate:
    """Reads everything and keeps nothing."""
    found, seen = Estimate(), set[bytes]()
    for stretch in plan.stretches:
        cutter, done = Cutter(stretch.source.cut_rules()), 0
        for batch in batches(settings, stretch, {p: span.first for p, span in stretch.spans.items()}):
            for record in batch:
                earlier = found.since_ms.get(stretch.topic, record.timestamp_ms)
                found.since_ms[stretch.topic] = min(earlier, record.timestamp_ms)
                for fragment in cutter.cut(record).fragments:
                    scope = Scope(stretch.source.name, fragment.tenant)
                    found.traces.add((fragment.tenant, fragment.trace_id))
                    found.sessions.update(session_key(scope, name) for name in fragment.candidates)
                    if fragment.digest not in seen:
                        seen.add(fragment.digest)
                        found.bytes += len(fragment.frame)
            done += len(batch)
            tell(f"reading {stretch.topic}", done, stretch.records)
    return found


def batches(settings: Settings, stretch: Stretch, first: Mapping[int, int]) -> Iterator[list[Record]]:
    places = {p: (first[p], span.end) for p, span in stretch.spans.items()}
    records = reader.between(settings.kafka.connection(), stretch.topic, places)
    while batch := list(islice(records, BATCH_RECORDS)):
        yield batch
