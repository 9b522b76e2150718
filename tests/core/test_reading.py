"""How far a partition has been read: progress is a true statement about what is saved."""

from hypothesis import given
from hypothesis import strategies as st

from streamer.core.lifecycle import Limits
from streamer.core.reading import NOW, Reading, Start, resumed
from streamer.core.watermark import Heard, progress_of, watermark_of
from streamer.core.wire.records import Record

LIMITS = Limits(clock_skew_ms_max=100, metadata_ms=10_000)


def record(offset: int, timestamp_ms: int) -> Record:
    return Record("spans", 0, offset, timestamp_ms, b"")


def test_reaching_a_fresh_end_proves_progress_up_to_the_moment_of_asking() -> None:
    reading = Reading(0, -1)
    reading.save([record(0, 40), record(1, 50)], now_ms=1_000)
    reading.hear(asked_at_ms=1_200, end=2)
    assert reading.advance(1_000, LIMITS) == 1_200


def test_records_that_pile_up_beyond_the_saved_position_prove_nothing_new() -> None:
    reading = Reading(0, -1)
    reading.save([record(0, 900)], now_ms=1_000)
    reading.hear(asked_at_ms=1_000, end=1)
    reading.hear(asked_at_ms=5_000, end=2)
    assert reading.advance(1_000, LIMITS) == 1_000


def test_an_earlier_answer_counts_once_everything_below_its_end_is_saved() -> None:
    assert progress_of(5, -1, [Heard(100, 3), Heard(200, 5), Heard(300, 6)], 100) == 200


def test_saved_timestamps_prove_progress_less_the_producers_skew() -> None:
    assert progress_of(5, 1_000, [], 100) == 900


def test_a_timestamp_in_the_future_counts_for_nothing() -> None:
    reading = Reading(0, -1)
    reading.save([record(0, 700), record(1, 99_999)], now_ms=1_000)
    assert reading.advance(1_000, LIMITS) == 600


def test_progress_stays_near_the_last_refresh_of_the_list_of_partitions() -> None:
    reading = Reading(1, -1)
    reading.hear(asked_at_ms=50_000, end=1)
    assert reading.advance(metadata_at_ms=30_000, limits=LIMITS) == 40_000


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), max_size=20))
def test_progress_never_goes_back(heard: list[tuple[int, int]]) -> None:
    reading, before = Reading(25, -1), -1
    for asked_at_ms, end in heard:
        reading.hear(asked_at_ms, end)
        now = reading.advance(10**6, LIMITS)
        assert now >= before
        before = now


def test_activity_is_clamped_between_known_progress_and_now() -> None:
    reading = Reading(0, 500)
    assert [reading.activity_of(record(0, ms), 1_000) for ms in (499, 500, 1_000, 1_001)] == [500, 500, 1_000, 1_000]


def test_what_is_committed_trails_what_is_saved() -> None:
    reading = Reading(0, -1)
    reading.save([record(0, 1)], now_ms=1_000)
    reading.save([record(1, 1)], now_ms=3_000)
    assert reading.committable(5_999, 5_000) is None
    assert reading.committable(6_000, 5_000) == 1
    assert reading.committable(8_000, 5_000) == 2
    reading.commit(2)
    assert reading.committable(9_000, 5_000) is None


def test_transaction_markers_are_skipped() -> None:
    reading = Reading(0, -1)
    reading.save([record(0, 1)], now_ms=1_000)
    reading.skip_to(3, 1_000)
    reading.hear(1_100, 3)
    assert reading.advance(1_000, LIMITS) == 1_100


def test_an_unread_partition_holds_the_watermark_back() -> None:
    assert watermark_of([500, -1, 700]) == -1
    assert watermark_of([500, 700]) == 500
    assert watermark_of([]) == -1


def test_a_group_that_kafka_has_forgotten_goes_on_where_redis_says_it_was() -> None:
    assert resumed(NOW, [9_000, 7_000, -1], 2_000) == Start("time", 5_000)
    assert resumed(NOW, [-1], 2_000) == resumed(NOW, [], 2_000) == NOW
    assert resumed(Start("offset", 7), [9_000], 2_000) == Start("offset", 7)
