"""How far one partition has been read, saved and committed.

Rule: `saved` moves only when Redis has answered for every record below it; what is committed trails it by what a
Redis fail-over may lose, so that re-reading mends one (design 17).
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from streamer.core.lifecycle import Limits
from streamer.core.watermark import Heard, progress_of
from streamer.core.wire.records import Record

HEARD_MAX = 50
"""At one answer per 200 ms, 10 s: a worker further behind proves its progress by timestamps."""


class Start(NamedTuple):
    """Where a group that has never read begins. `value`: an offset, or ms since the epoch for `time`."""

    kind: Literal["now", "beginning", "offset", "time"]
    value: int = 0


NOW, BEGINNING = Start("now"), Start("beginning")


def offset_since(found: int, of_time_0: int, low: int, end: int) -> int:
    """Where the records since a time begin. `found` and `of_time_0` are a broker's answers for that time and for time
    0, negative where it has no record so young. A broker that says so of time 0 and holds records knows no times
    (librdkafka's mock cluster, records of the first message formats): then all that it holds are read."""
    if found >= 0:
        return found
    return low if of_time_0 < 0 else end


def resumed(start: Start, progress_ms: Iterable[int], margin_ms: int) -> Start:
    """Where a group without offsets begins, if Redis knows how far this source was read.

    Kafka forgets a group after seven days without a member (offsets.retention.minutes), or somebody has deleted it: to
    begin at *now* would skip, in silence, what came since. Reading again changes nothing.
    """
    read = [ms for ms in progress_ms if ms >= 0]
    return Start("time", max(0, min(read) - margin_ms)) if start.kind == "now" and read else start


class Reading:
    """The running state of one assigned partition, from the offset it is read from."""

    def __init__(self, position: int, progress_ms: int) -> None:
        self.saved = position
        self.progress_ms = progress_ms
        self._record_max_ms = -1
        self._heard: deque[Heard] = deque(maxlen=HEARD_MAX)
        self._saves: deque[tuple[int, int]] = deque()

    def activity_of(self, record: Record, now_ms: int) -> int:
        """A record's timestamp, clamped to what is known: not before this partition's progress, not in the future."""
        return min(max(record.timestamp_ms, self.progress_ms), now_ms)

    def save(self, records: Sequence[Record], now_ms: int) -> None:
        """Redis has answered for these records, the next of this partition in order."""
        self.saved = records[-1].offset + 1
        self._saves.append((now_ms, self.saved))
        past = (record.timestamp_ms for record in records if record.timestamp_ms <= now_ms)
        self._record_max_ms = max(self._record_max_ms, *past, -1)

    def skip_to(self, position: int, now_ms: int) -> None:
        """Everything fetched is saved and reading goes on at `position`: what lies between holds no records."""
        if position > self.saved:
            self.saved = position
            self._saves.append((now_ms, position))

    def hear(self, asked_at_ms: int, end: int) -> None:
        self._heard.append(Heard(asked_at_ms, end))

    def advance(self, metadata_at_ms: int, limits: Limits) -> int:
        """The partition's progress now: never back, never far above the last refresh of the list of partitions."""
        known = progress_of(self.saved, self._record_max_ms, self._heard, limits.clock_skew_ms_max)
        self.progress_ms = max(self.progress_ms, min(known, metadata_at_ms + limits.metadata_ms))
        return self.progress_ms

    def committable(self, now_ms: int, delay_ms: int) -> int | None:
        """The offset that was saved `delay_ms` ago and is not committed yet."""
        ripe = None
        for at_ms, offset in self._saves:
            if at_ms > now_ms - delay_ms:
                break
            ripe = offset
        return ripe

    @property
    def is_committed(self) -> bool:
        """Kafka has taken all that was saved."""
        return not self._saves

    def commit(self, offset: int) -> None:
        """Kafka has taken this offset."""
        while self._saves and self._saves[0][1] <= offset:
            self._saves.popleft()
