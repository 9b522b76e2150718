"""Dead letters on a topic that takes only so much."""

from collections.abc import Sequence

import pytest

from streamer.core.dead_letters import SUFFIX, Letter, headers_of, joined, read
from streamer.core.wire.records import DeadLetter, Header, Record
from streamer.errors import ConfigurationError, PermanentError
from streamer.loops.setting_aside import PART_BYTES_MIN, SettingAside
from tests.fakes.measures import SilentMetrics

KEY_AND_HEADERS: tuple[bytes, list[Header]] = (b"key", [("x-tenant-id", b"acme"), ("odd", None)])


class SmallTopic:
    """DeadLetters whose topic takes no batch above `bytes_max`, as Kafka counts: keys and headers too."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max, self.refusals = bytes_max, 0
        self.records: list[Record] = []

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        made = [_as_record(letter, len(self.records) + n) for n, letter in enumerate(letters)]
        if sum(map(_size, made)) > self.bytes_max:
            self.refusals += 1
            raise PermanentError("produce: MSG_SIZE_TOO_LARGE")
        self.records += made

    def whole(self) -> list[Record]:
        found = [letter for record in self.records if isinstance(letter := read(record), Letter)]
        groups = {(letter.origin, letter.part.id, letter.part.of): None for letter in found}
        parts = [[x for x in found if (x.origin, x.part.id, x.part.of) == group] for group in groups]
        return [joined(mine) for mine in parts if len(mine) == mine[0].part.of]


def _as_record(letter: DeadLetter, offset: int) -> Record:
    record = letter.record
    headers = [*record.headers, *headers_of(letter)]
    return Record(record.topic + SUFFIX, 0, offset, 1, record.value, record.key, headers)


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + len(record.key or b"") + headers


class Journal:
    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def say(self, level: object, event: str, **fields: object) -> None:
        self.events.append((event, fields.get("parts")))


def letter(offset: int, size: int, headers: Sequence[Header] = KEY_AND_HEADERS[1]) -> DeadLetter:
    value = bytes(n % 251 for n in range(size))
    return DeadLetter(Record("spans", 0, offset, 9, value, KEY_AND_HEADERS[0], tuple(headers)), "unreadable", "why")


def aside(topic: SmallTopic) -> tuple[SettingAside, Journal]:
    journal = Journal()
    return SettingAside("default", topic, SilentMetrics(), journal), journal


async def test_a_letter_that_does_not_fit_goes_in_parts_that_give_it_back() -> None:
    topic, (large, small) = SmallTopic(100_000), (letter(0, 250_000), letter(1, 10))
    setting, journal = aside(topic)
    await setting.put([large, small])
    assert topic.whole() == [large.record, small.record]
    assert [event for event, _ in journal.events] == ["dead_letter_split"]
    assert len(topic.records) > 3


async def test_what_fitted_last_is_tried_first() -> None:
    topic = SmallTopic(20_000)
    setting, _ = aside(topic)
    await setting.put([letter(0, 100_000)])
    refusals = topic.refusals
    await setting.put([letter(1, 100_000)])
    assert topic.refusals - refusals == 2, "in the batch, then alone; no part"
    assert topic.whole() == [letter(0, 100_000).record, letter(1, 100_000).record]


async def test_headers_that_fill_a_part_go_without_value() -> None:
    topic, large = SmallTopic(90_000), letter(0, 50_000, [("large", b"x" * 80_000)])
    setting, _ = aside(topic)
    await setting.put([large])
    assert topic.whole() == [large.record]
    assert topic.records[-2].value == b""


async def test_headers_that_fit_nowhere_are_left_out_and_that_is_said() -> None:
    topic, large = SmallTopic(90_000), letter(0, 50_000, [("large", b"x" * 100_000)])
    setting, journal = aside(topic)
    await setting.put([large])
    assert topic.whole() == [large.record._replace(key=None, headers=())]
    assert [event for event, _ in journal.events] == ["dead_letter_cut", "dead_letter_split"]
    assert dict(topic.records[0].headers)["dlq.left_out"] == b"headers"


async def test_a_topic_that_takes_nothing_stops_with_its_remedy() -> None:
    setting, _ = aside(SmallTopic(PART_BYTES_MIN // 8))
    with pytest.raises(ConfigurationError, match=r"spans\.dlq refuses even a part .* raise its max\.message\.bytes"):
        await setting.put([letter(0, 10_000)])
