"""RecordSource: one suite for the simulated broker, librdkafka's mock cluster and Apache Kafka; then what only real
brokers can do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from streamer.adapters.kafka.reader import whole
from streamer.core.reading import BEGINNING, Start
from streamer.embedded import stand_ins
from streamer.errors import TransientError
from streamer.ports import TopicPartition
from tests.contract.brokers import PARTITIONS, KafkaTopic, Reader, SimulatedTopic, Topic, until

NUMBERS = count()


@pytest.fixture(scope="module")
def mock_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Topics of the mock are made when it starts."""
    topics = {f"contract-{n}": PARTITIONS for n in range(30)}
    program, address = stand_ins.kafka(tmp_path_factory.mktemp("mock"), topics)
    yield address
    program.stop()


@pytest.fixture(params=["simulated", "mock", pytest.param("real", marks=pytest.mark.real)])
async def topic(request: pytest.FixtureRequest) -> AsyncIterator[Topic]:
    made: Topic
    if request.param == "simulated":
        made = SimulatedTopic()
    elif request.param == "mock":
        made = KafkaTopic(request.getfixturevalue("mock_bootstrap"), f"contract-{next(NUMBERS)}")
    else:
        made = KafkaTopic.made(request.getfixturevalue("kafka"))
    yield made
    await made.close()


async def test_records_come_whole_and_in_the_order_of_their_partition(topic: Topic) -> None:
    reader = await Reader(await topic.member()).until_assigned()
    for partition in range(PARTITIONS):
        topic.produce(partition, [b"%d-%d" % (partition, n) for n in range(7)])
    values = await reader.until_read(7 * PARTITIONS)
    for partition in range(PARTITIONS):
        first = reader.assigned[TopicPartition(topic.name, partition)]
        assert reader.offsets(partition) == list(range(first, first + 7))
        mine = [value for value in values if value and value.startswith(b"%d-" % partition)]
        assert mine == [b"%d-%d" % (partition, n) for n in range(7)]


async def test_a_rewind_goes_back_to_the_committed_offset_of_every_partition(topic: Topic) -> None:
    reader = await Reader(await topic.member()).until_assigned()
    topic.produce(0, [b"a", b"b", b"c"])
    topic.produce(1, [b"d"])
    await reader.until_read(4)
    await reader.member.commit({TopicPartition(topic.name, 0): 2})
    starts = await reader.member.rewind()
    assert starts == {TopicPartition(topic.name, q): 2 * (q == 0) for q in range(PARTITIONS)}
    reader.records.clear()
    assert sorted(v for v in await reader.until_read(2) if v) == [b"c", b"d"]


async def test_while_held_nothing_is_handed_out_and_afterwards_nothing_is_missing(topic: Topic) -> None:
    reader = await Reader(await topic.member()).until_assigned()
    reader.member.hold(True)
    topic.produce(0, [b"a", b"b"])
    for _ in range(5):
        assert not (await reader.fetch()).records
    reader.member.hold(False)
    assert await reader.until_read(2) == [b"a", b"b"]
    assert reader.offsets(0) == [0, 1]


async def test_a_paused_partition_waits_alone_and_goes_on_where_it_was(topic: Topic) -> None:
    reader = await Reader(await topic.member()).until_assigned()
    topic.produce(0, [b"a"])
    topic.produce(1, [b"x"])
    await reader.until_read(2)
    reader.member.pause(frozenset({TopicPartition(topic.name, 0)}))
    await reader.fetch()
    topic.produce(0, [b"b", b"c"])
    topic.produce(1, [b"y", b"z"])
    await reader.until_read(4)
    for _ in range(5):
        await reader.fetch()
    assert (reader.offsets(0), reader.offsets(1)) == ([0], [0, 1, 2])
    reader.member.pause(frozenset())
    await reader.until_read(6)
    assert (reader.offsets(0), reader.offsets(1)) == ([0, 1, 2], [0, 1, 2])


async def test_two_members_share_the_partitions_and_each_is_told_what_it_lost(topic: Topic) -> None:
    first = await Reader(await topic.member()).until_assigned()
    second = Reader(await topic.member())
    await until(lambda: len(first.assigned) + len(second.assigned) == PARTITIONS and second.assigned, first, second)
    assert not set(first.assigned) & set(second.assigned)
    assert first.revoked == set(second.assigned)
    for partition in range(PARTITIONS):
        topic.produce(partition, [b"x"])
    await until(lambda: len(first.records) + len(second.records) == PARTITIONS, first, second)
    assert {r.partition for r in second.records} == {p.partition for p in second.assigned}


async def test_a_commit_of_a_partition_that_moved_away_changes_nothing(topic: Topic) -> None:
    first = await Reader(await topic.member()).until_assigned()
    topic.produce(0, [b"a"])
    topic.produce(1, [b"a"])
    topic.produce(2, [b"a"])
    await first.until_read(3)
    second = Reader(await topic.member())
    await until(lambda: len(first.assigned) + len(second.assigned) == PARTITIONS and second.assigned, first, second)
    moved = next(iter(second.assigned))
    await second.member.commit({moved: 1})
    await first.member.commit({moved: 0})
    assert (await second.member.rewind())[moved] == 1


async def test_end_offsets_and_partitions_are_the_brokers(topic: Topic) -> None:
    reader = await Reader(await topic.member()).until_assigned()
    topic.produce(2, [b"a", b"b"])
    everything = [TopicPartition(topic.name, q) for q in range(PARTITIONS)]
    assert await reader.member.partitions() == frozenset(everything)
    assert dict(await reader.member.end_offsets(everything)) == {p: 2 * (p.partition == 2) for p in everything}


# ---------------------------------------------------------------- what only brokers of Kafka's protocol can do


@pytest.mark.real
async def test_a_group_without_offsets_starts_at_now_and_loses_nothing_from_then_on(kafka_topic: KafkaTopic) -> None:
    kafka_topic.produce(0, [b"old"])
    first = await Reader(await kafka_topic.member()).until_assigned()
    kafka_topic.produce(0, [b"new"])
    await kafka_topic.leave(first.member)  # before it has read anything
    second = Reader(await kafka_topic.member())
    assert await second.until_read(1) == [b"new"]


@pytest.mark.real
@pytest.mark.parametrize(("start", "expected"), [(BEGINNING, [b"a", b"b", b"c"]), (Start("offset", 2), [b"c"])])
async def test_a_first_start_elsewhere_than_now(kafka_topic: KafkaTopic, start: Start, expected: list[bytes]) -> None:
    kafka_topic.produce(0, [b"a", b"b", b"c"])
    reader = Reader(await kafka_topic.member(start=start))
    assert await reader.until_read(len(expected)) == expected


@pytest.mark.real
async def test_a_first_start_at_a_moment(kafka_topic: KafkaTopic) -> None:
    kafka_topic.produce(0, [b"before"])
    await asyncio.sleep(0.05)
    early = await Reader(await kafka_topic.member(start=BEGINNING)).until_read(1)
    assert early == [b"before"]
    await kafka_topic.close()
    other = KafkaTopic(kafka_topic.bootstrap, kafka_topic.name)
    other.produce(0, [b"after"])
    probe = Reader(await other.member(start=BEGINNING))
    await probe.until_read(2)
    moment = probe.records[1].timestamp_ms
    await other.leave(probe.member)
    third = KafkaTopic(kafka_topic.bootstrap, kafka_topic.name)
    reader = Reader(await third.member(start=Start("time", moment)))
    assert await reader.until_read(1) == [b"after"]
    await third.close()


async def test_a_broker_that_knows_no_times_is_read_from_its_beginning(mock_bootstrap: str) -> None:
    topic = KafkaTopic(mock_bootstrap, f"contract-{next(NUMBERS)}")
    topic.produce(0, [b"a", b"b"])
    long_ago_ms = 1_700_000_000_000
    reader = Reader(await topic.member(start=Start("time", long_ago_ms)))
    assert await reader.until_read(2) == [b"a", b"b"]
    seen = whole({"bootstrap.servers": mock_bootstrap}, topic.name, since_ms=long_ago_ms)
    assert [record.value for record in seen] == [b"a", b"b"]
    await topic.close()


@pytest.mark.real
async def test_nothing_is_read_twice_where_the_broker_has_nothing_so_young(kafka_topic: KafkaTopic) -> None:
    kafka_topic.produce(0, [b"old"])
    assert list(whole({"bootstrap.servers": kafka_topic.bootstrap}, kafka_topic.name, since_ms=2**41)) == []


@pytest.mark.real
async def test_two_members_that_start_at_once_share_one_beginning(kafka_topic: KafkaTopic) -> None:
    kafka_topic.produce(0, [b"old"])
    readers = [Reader(await kafka_topic.member()) for _ in range(2)]
    await until(
        lambda: sum(len(r.assigned) for r in readers) == PARTITIONS and all(r.assigned for r in readers), *readers
    )
    for partition in range(PARTITIONS):
        kafka_topic.produce(partition, [b"new"])
    await until(lambda: sum(len(r.records) for r in readers) >= PARTITIONS, *readers)
    assert [r.value for reader in readers for r in reader.records] == [b"new"] * PARTITIONS


@pytest.mark.real
async def test_a_partition_that_is_added_is_read_from_its_beginning(kafka_topic: KafkaTopic) -> None:
    reader = await Reader(await kafka_topic.member()).until_assigned()
    kafka_topic.grow(PARTITIONS + 1)
    kafka_topic.produce(PARTITIONS, [b"first of the new one"])
    assert await reader.until_read(1) == [b"first of the new one"]
    assert TopicPartition(kafka_topic.name, PARTITIONS) in await reader.member.partitions()


@pytest.mark.real
async def test_transaction_markers_are_passed_so_that_the_position_reaches_the_end(kafka_topic: KafkaTopic) -> None:
    reader = await Reader(await kafka_topic.member()).until_assigned()
    kafka_topic.produce_in_transaction(0, [b"a", b"b"])
    await reader.until_read(2)
    partition = TopicPartition(kafka_topic.name, 0)
    end = (await reader.member.end_offsets([partition]))[partition]
    assert end == 3
    await until(lambda: reader.passed.get(partition) == end, reader)


async def test_a_topic_that_is_not_there_is_said_by_name_however_many_others_are(kafka_topic: KafkaTopic) -> None:
    member = await kafka_topic.member(absent=["otlp_lgos"])
    with pytest.raises(TransientError, match="otlp_lgos; create it or correct its name"):
        await member.fetch()
