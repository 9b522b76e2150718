"""Records that were fetched and are not saved yet.

Rule: what is saved counts at once. A batch that counted only as a whole could fill Redis with a part of itself, and its
sessions would never close, since the watermark waits for the other part.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from streamer.core.wire.records import Record
from streamer.ports import TopicPartition

SLICE_BYTES = 4 * 1_048_576
"""So much is saved between two looks at Redis' memory; a quarter to a half of it is kept."""


class Waiting:
    """By partition, in order; and where reading goes on behind them."""

    def __init__(self) -> None:
        self._records: dict[TopicPartition, deque[Record]] = defaultdict(deque)
        self._positions: dict[TopicPartition, int] = {}

    def __bool__(self) -> bool:
        return bool(self._records)

    def add(self, records: Iterable[Record], positions: Mapping[TopicPartition, int]) -> None:
        for record in records:
            self._records[TopicPartition(record.topic, record.partition)].append(record)
        self._positions.update(positions)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """They are read anew, by whoever has them now."""
        for partition in partitions:
            self._records.pop(partition, None)
            self._positions.pop(partition, None)

    def clear(self) -> None:
        self._records.clear()
        self._positions.clear()

    def take(self, bytes_max: int) -> Mapping[TopicPartition, list[Record]]:
        """The next ones, of so many bytes together; at least one."""
        taken: dict[TopicPartition, list[Record]] = {}
        room = bytes_max
        while self._records and room > 0:
            partition = next(iter(self._records))
            waiting, mine = self._records[partition], taken.setdefault(partition, [])
            while waiting and room > 0:
                mine.append(waiting.popleft())
                room -= len(mine[-1].value or b"") + 1
            if not waiting:
                del self._records[partition]
        return taken

    def passed(self) -> Mapping[TopicPartition, int]:
        """Where reading goes on in partitions of which nothing waits."""
        done = {p: position for p, position in self._positions.items() if p not in self._records}
        for partition in done:
            del self._positions[partition]
        return done
