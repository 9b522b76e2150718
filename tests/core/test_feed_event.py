"""What a reader of the feed keeps."""

import random
from typing import Any

import pytest

from streamer.core.feed_event import Buried, FeedEvent, Newest, event_of, standing
from tests.api.made import record


def event(kind: str, token: int, value: str | None = None, **more: Any) -> FeedEvent:
    found = event_of(record(kind, token, value, **more))
    assert found is not None
    return found


def test_a_repetition_and_what_was_overtaken_are_no_news() -> None:
    newest, second = Newest(), event("verdict", 2, "resolved")
    heard = (second, second, event("verdict", 1, "none"), event("verdict", 3, "none"))
    assert [newest.takes(one) for one in heard] == [True, False, False, True]
    assert newest.takes(event("verdict", 1, "none", judge="another"))


def test_what_is_remembered_is_bounded() -> None:
    newest = Newest(keys_max=2)
    for judge in ("a", "b", "c"):
        assert newest.takes(event("verdict", 5, "none", judge=judge))
    assert newest.takes(event("verdict", 4, "none", judge="a"))  # forgotten
    assert not newest.takes(event("verdict", 4, "none", judge="c"))


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_they_come_the_greatest_token_stands(seed: int) -> None:
    events = [event("verdict", n, str(n)) for n in range(1, 6)] + [event("failure", 9), event("closing", 9)]
    random.Random(seed).shuffle(events)
    assert [one.value for one in standing(events)] == ["5"]


def test_a_retraction_takes_a_verdict_away_and_what_was_buried_is_forgotten() -> None:
    assert standing([event("verdict", 1, "none"), event("retracted", 2)]) == []
    buried = Buried("default|chat-1|user_frustration")
    assert standing([event("verdict", 5, "none"), buried]) == []
    assert [one.value for one in standing([event("verdict", 5, "none"), buried, event("verdict", 1, "new")])] == ["new"]


NONE = [{}, {"schema_version": 2}, {"schema_version": 1}, {**record("verdict", 1), "session": 1}]


@pytest.mark.parametrize("raw", NONE)
def test_what_is_no_record_of_this_schema_is_none(raw: dict[str, Any]) -> None:
    assert event_of(raw) is None
