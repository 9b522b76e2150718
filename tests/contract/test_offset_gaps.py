"""Records that were gone before they were read, and topics that were made anew: said, and skipped only when told to."""

import pytest

from streamer.errors import PermanentError
from streamer.ports import TopicPartition
from tests.contract.brokers import KafkaTopic, Reader, until


@pytest.mark.real
async def test_offsets_that_kafka_deleted_before_they_were_read_stop_the_reader(kafka_topic: KafkaTopic) -> None:
    await _with_a_gap(kafka_topic)
    with pytest.raises(PermanentError, match=r"deleted offsets 1 to 4; set offset_gap = .skip."):
        await Reader(await kafka_topic.member(gap="stop")).until_assigned()


@pytest.mark.real
async def test_a_gap_that_may_be_skipped_is_said_and_read_over(kafka_topic: KafkaTopic) -> None:
    await _with_a_gap(kafka_topic)
    reader = Reader(await kafka_topic.member(gap="skip"))
    assert await reader.until_read(2) == [b"4", b"5"]
    assert reader.gaps == {TopicPartition(kafka_topic.name, 0): (1, 4)}


@pytest.mark.real
async def test_retention_that_overtakes_a_running_reader_is_a_gap_too(kafka_topic: KafkaTopic) -> None:
    reader = await Reader(await kafka_topic.member(gap="skip", records_max=1)).until_assigned()
    kafka_topic.produce(0, [b"0"])
    await reader.until_read(1)
    await reader.member.commit({TopicPartition(kafka_topic.name, 0): 1})
    reader.member.hold(True)
    for _ in range(3):
        await reader.fetch()
    kafka_topic.produce(0, [b"%d" % n for n in range(1, 6)])
    kafka_topic.delete_before(0, 4)
    reader.member.hold(False)
    assert (await reader.until_read(3))[1:] == [b"4", b"5"]
    assert reader.gaps == {TopicPartition(kafka_topic.name, 0): (1, 4)}


@pytest.mark.real
async def test_a_topic_that_was_made_anew_is_not_waited_for_in_silence(kafka_topic: KafkaTopic) -> None:
    reader = await Reader(await kafka_topic.member()).until_assigned()
    await reader.member.commit({TopicPartition(kafka_topic.name, 0): 7})
    await kafka_topic.leave(reader.member)
    with pytest.raises(PermanentError, match="the topic was made anew"):
        await Reader(await kafka_topic.member(gap="stop")).until_assigned()


@pytest.mark.real
async def test_a_topic_that_is_made_anew_and_grows_past_its_reader_is_read_from_its_first_record(
    kafka_topic: KafkaTopic,
) -> None:
    reader = await Reader(await kafka_topic.member(gap="skip")).until_assigned()
    kafka_topic.produce(0, [b"old", b"old", b"old"])
    await reader.until_read(3)
    await reader.member.commit({TopicPartition(kafka_topic.name, 0): 3})
    reader.member.hold(True)
    await reader.fetch()
    await kafka_topic.make_anew()
    new = [b"%d" % n for n in range(9)]
    kafka_topic.produce(0, new)
    await reader.member.partitions()
    reader.member.hold(False)
    await until(lambda: {r.value for r in reader.records} >= set(new), reader)
    assert reader.gaps[TopicPartition(kafka_topic.name, 0)] == (0, 0)


@pytest.mark.real
async def test_an_offset_of_the_old_topic_does_not_stand_for_one_of_the_new(kafka_topic: KafkaTopic) -> None:
    reader = await Reader(await kafka_topic.member()).until_assigned()
    kafka_topic.produce(0, [b"old", b"old", b"old"])
    await reader.until_read(3)
    await kafka_topic.make_anew()
    kafka_topic.produce(0, [b"%d" % n for n in range(9)])
    await reader.member.commit({TopicPartition(kafka_topic.name, 0): 3})  # it has not noticed yet
    await kafka_topic.leave(reader.member)
    with pytest.raises(PermanentError, match="the topic was made anew"):
        await Reader(await kafka_topic.member(gap="stop")).until_assigned()


async def _with_a_gap(topic: KafkaTopic) -> None:
    """Offset 1 is committed, and retention has moved on to 4."""
    reader = await Reader(await topic.member()).until_assigned()
    topic.produce(0, [b"%d" % n for n in range(6)])
    await reader.until_read(6)
    await reader.member.commit({TopicPartition(topic.name, 0): 1})
    await topic.leave(reader.member)
    topic.delete_before(0, 4)
