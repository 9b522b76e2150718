"""When a topic is read no further: hardly anything on it can be decoded, so that somebody must look first.

Rule: a record counts against its topic only if nothing in it could be decoded. What a rule of `keep` leaves out was
decoded, and a tombstone says nothing either way. A record that is read twice counts once. What has blown stays blown
until the process starts again.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from streamer.core.wire.records import Cut, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseLimits:
    """A topic blows when at least `records_min` of its last `window_records` could not be decoded, and `share` of
    them."""

    share: float = 0.5
    records_min: int = 100
    window_records: int = 1_000


class Blown(NamedTuple):
    topic: str
    undecodable: int
    of: int
    """How many of the last records were looked at."""

    def __str__(self) -> str:
        return f"nothing could be decoded in {self.undecodable} of the last {self.of} records of {self.topic}"


def undecodable(cut: Cut) -> bool | None:
    """None for a record that says nothing of its topic."""
    if cut.out_of_scope == "tombstone":
        return None
    return bool(cut.problems) and not (cut.fragments or cut.controls or cut.out_of_scope)


class _Window:
    def __init__(self, records_max: int) -> None:
        self._last: deque[bool] = deque(maxlen=records_max)
        self.bad = 0

    def __len__(self) -> int:
        return len(self._last)

    def add(self, bad: bool) -> None:
        if len(self._last) == self._last.maxlen:
            self.bad -= self._last[0]
        self._last.append(bad)
        self.bad += bad


class Fuse:
    """One for all sources of a process, which ends only when none of their topics is left."""

    def __init__(self, limits: FuseLimits, sources: Iterable[str]) -> None:
        self._limits = limits
        self._topics: dict[str, frozenset[str]] = dict.fromkeys(sources, frozenset())
        self._windows: dict[str, _Window] = {}
        self._counted: dict[tuple[str, int], int] = {}
        self._settled: set[str] = set()
        self.blown: dict[str, Blown] = {}

    def reads(self, source: str, topics: Collection[str]) -> None:
        """The topics that a source has now."""
        self._topics[source] = frozenset(topics)

    def begin(self, topic: str, partition: int) -> None:
        """Read from a place that this process may have been at before: its records count anew."""
        self._counted.pop((topic, partition), None)

    def look(self, record: Record, cut: Cut) -> None:
        """One record, as it was cut."""
        topic, partition, offset = record.topic, record.partition, record.offset
        bad = undecodable(cut)
        if bad is None or offset <= self._counted.get((topic, partition), -1):
            return
        self._counted[topic, partition] = offset
        window = self._windows.setdefault(topic, _Window(self._limits.window_records))
        window.add(bad)
        enough = max(self._limits.records_min, self._limits.share * len(window))
        if window.bad >= enough and topic not in self.blown:
            self.blown[topic] = Blown(topic, window.bad, len(window))

    @property
    def none_left(self) -> bool:
        """No topic of any source is read any more. A source whose topics are not known yet has some left."""
        return all(topics and topics <= self.blown.keys() for topics in self._topics.values())

    def is_over(self, source: str, committed: bool) -> bool:
        """Whether the process has nothing left to do. `committed`: all that the source has read; without that the next
        start would read it again, set it aside again, and blow at the same place."""
        if not self.none_left:
            return False
        if committed:
            self._settled.add(source)
        return self._settled >= self._topics.keys()
