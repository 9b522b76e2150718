"""Dead letters onto their topic: whole where they fit, in parts where they do not.

Rule: nothing that was unreadable is committed before Kafka has acknowledged all of its letter.
"""

from collections.abc import Sequence

from streamer.core.dead_letters import SUFFIX, bare, split
from streamer.core.wire.records import Cut, DeadLetter, Record
from streamer.errors import ConfigurationError, PermanentError
from streamer.ports import DeadLetters, Journal, Metrics

PART_BYTES_MAX = 1_000_000
"""Below what Kafka's topics take unless told otherwise (1,048,588)."""
PART_BYTES_MIN = 4 * 1024
"""A topic that refuses so small a part refuses for another cause."""


class SettingAside:
    """Of one source."""

    def __init__(self, source: str, topic: DeadLetters, metrics: Metrics, journal: Journal) -> None:
        self._source, self._topic, self._metrics, self._journal = source, topic, metrics, journal
        self._fits: dict[str, int] = {}
        """By topic, what was taken last."""

    def letters_of(self, record: Record, cut: Cut) -> list[DeadLetter]:
        """Counts what was cut; a record with anything unreadable in it is a dead letter."""
        self._metrics.count("records", source=self._source)
        self._metrics.count("spans", cut.spans, source=self._source)
        if cut.out_of_scope:
            self._metrics.count("records_out_of_scope", rule=cut.out_of_scope)
        if not cut.problems:
            return []
        worst = cut.problems[0]
        for problem in cut.problems:
            self._metrics.count("problems", reason=problem.reason)
        self._metrics.count("dead_letters", source=self._source, reason=worst.reason)
        self._journal.say(
            "warning",
            "dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=worst.reason,
            spans_saved=cut.spans,
        )
        return [DeadLetter(record, worst.reason, worst.detail)]

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Acknowledged when it returns. If Kafka refuses one, each goes by itself."""
        if not letters:
            return
        try:
            await self._topic.put(letters)
        except PermanentError:
            for letter in letters:
                await self._put_alone(letter)

    async def _put_alone(self, letter: DeadLetter) -> None:
        """A letter whose headers alone are more than its topic takes goes without them, and says so."""
        try:
            await self._topic.put([letter])
        except PermanentError as error:
            record, cause = letter.record, str(error)
            if await self._put_in_parts(letter, cause):
                return
            self._metrics.count("dead_letters_cut", source=self._source)
            self._journal.say("error", "dead_letter_cut", topic=record.topic, offset=record.offset, cause=cause)
            if not await self._put_in_parts(bare(letter), cause):
                raise ConfigurationError(
                    f"{record.topic}{SUFFIX} refuses even a part of {PART_BYTES_MIN} bytes ({cause}): raise its "
                    "max.message.bytes"
                ) from error

    async def _put_in_parts(self, letter: DeadLetter, cause: str) -> bool:
        """Smaller and smaller until they are taken; False where none are."""
        record = letter.record
        size = self._fits.get(record.topic, PART_BYTES_MAX)
        while size >= PART_BYTES_MIN:
            parts = split(letter, size)
            try:
                for part in parts:
                    await self._topic.put([part])
            except PermanentError:
                size //= 2
                continue
            self._fits[record.topic] = size
            self._metrics.count("dead_letters_split", source=self._source)
            self._journal.say(
                "warning",
                "dead_letter_split",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                parts=len(parts),
                cause=cause,
            )
            return True
        return False
