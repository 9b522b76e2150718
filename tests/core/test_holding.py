"""What holds a watermark back has one cause, and each cause its sentence."""

from typing import get_args

import pytest

from streamer.core.holding import CURRENT_MS, HEARD_MS, Cause, Doing, Hold, Told, hold_of, reason_of

NOW_MS = 1_700_000_000_000
OLD_MS = NOW_MS - 240_000


def hold(progress_ms: int, said: Told | None, *, other_heard_ms: int = NOW_MS) -> Hold[str] | None:
    """Of two partitions the first is the slower one; the other is read and at its end."""
    told = {"b": Told("reads", other_heard_ms), **({"a": said} if said else {})}
    return hold_of({"a": progress_ms, "b": NOW_MS}, told, NOW_MS)


@pytest.mark.parametrize(
    ("progress_ms", "said", "other_heard_ms", "cause"),
    [
        (OLD_MS, Told("reads", NOW_MS), NOW_MS, "behind"),
        (OLD_MS, Told("aligned", NOW_MS), NOW_MS, "aligned"),
        (OLD_MS, Told("fuse", NOW_MS), NOW_MS, "fuse"),
        (OLD_MS, Told("redis_full", NOW_MS), NOW_MS, "redis_full"),
        (OLD_MS, Told("no_answer", NOW_MS), NOW_MS, "no_answer"),
        (-1, None, NOW_MS, "unread"),
        (-1, Told("reads", NOW_MS), NOW_MS, "behind"),
        (OLD_MS, None, NOW_MS, "stalled"),
        (OLD_MS, Told("reads", NOW_MS - HEARD_MS), NOW_MS, "behind"),
        (OLD_MS, Told("reads", NOW_MS - HEARD_MS - 1), NOW_MS, "stalled"),
        (OLD_MS, Told("reads", OLD_MS), OLD_MS, "no_worker"),
        (-1, None, OLD_MS, "no_worker"),
    ],
)
def test_the_slowest_partition_holds_it_back_for_one_cause(
    progress_ms: int, said: Told | None, other_heard_ms: int, cause: Cause
) -> None:
    found = hold(progress_ms, said, other_heard_ms=other_heard_ms)
    assert found is not None
    assert (found.partition, found.cause) == ("a", cause)


@pytest.mark.parametrize(("age_ms", "held"), [(CURRENT_MS, False), (CURRENT_MS + 1, True)])
def test_a_watermark_that_is_near_now_is_held_by_nothing(age_ms: int, held: bool) -> None:
    assert (hold(NOW_MS - age_ms, Told("reads", NOW_MS)) is not None) == held


def test_without_any_partition_nothing_is_held() -> None:
    assert hold_of({}, {}, NOW_MS) is None


def test_a_topic_that_nobody_ever_read_has_no_worker() -> None:
    found = hold_of({"a": -1}, {}, NOW_MS)
    assert found == Hold("a", "no_worker", -1, None)
    assert reason_of(found, NOW_MS) == "no ingest worker has been heard"


def test_a_partition_that_is_gone_from_the_list_proves_no_worker() -> None:
    """What a deleted partition's reader told still says that somebody is there."""
    found = hold_of({"a": OLD_MS}, {"gone": Told("reads", NOW_MS)}, NOW_MS)
    assert found is not None
    assert found.cause == "stalled"


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_has_a_sentence(cause: Cause) -> None:
    said = reason_of(Hold("a", cause, OLD_MS, OLD_MS), NOW_MS)
    assert said
    assert ("4 min" in said) == (cause in ("stalled", "no_worker"))


def test_whatever_a_reader_does_but_read_is_a_cause_of_its_own() -> None:
    assert {"behind" if doing == "reads" else doing for doing in get_args(Doing)} <= set(get_args(Cause))
