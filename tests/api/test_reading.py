"""The feed from a file and from a real topic, in a plain and in an asynchronous loop."""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import confluent_kafka as ck
import pytest

from streamer import FeedEvent, feed, verdicts
from streamer.errors import ConfigurationError
from tests.api.made import record
from tests.services.kafka import create_topics


class Topic:
    """A feed's topic, and a configuration that names it."""

    def __init__(self, bootstrap: str, home: Path) -> None:
        self.name = f"feed-{time.time_ns()}"
        create_topics(bootstrap, {self.name: 2})
        self.config = home / "streamer.toml"
        self.config.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n[feed]\ntopic = "{self.name}"\n')
        self._producer = ck.Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})

    def publish(self, *values: dict[str, object] | bytes | None) -> None:
        for value in values:
            raw = json.dumps(value).encode() if isinstance(value, dict) else value
            self._producer.produce(self.name, raw, b"default|chat-1|user_frustration", partition=1)
        self._producer.flush(10)


@pytest.fixture
def topic(kafka: str, tmp_path: Path) -> Topic:
    return Topic(kafka, tmp_path)


def brief(event: FeedEvent) -> tuple[str, int, object]:
    return event.kind, event.token, event.value


def test_what_the_topic_holds_now(topic: Topic) -> None:
    topic.publish(record("verdict", 1, "unresolved"), b"no JSON", record("verdict", 2, "resolved"))
    topic.publish(record("verdict", 1, "unresolved"), record("closing", 2))
    assert [brief(one) for one in feed(follow=False, config=topic.config)] == [
        ("verdict", 1, "unresolved"), ("verdict", 2, "resolved"), ("closing", 2, None),
    ]  # fmt: skip
    assert [brief(one) for one in verdicts(config=topic.config)] == [("verdict", 2, "resolved")]
    assert list(verdicts(config=topic.config, judge="another")) == []
    assert list(verdicts(config=topic.config, since=datetime(2100, 1, 1, tzinfo=UTC))) == []
    topic.publish(None)
    assert list(verdicts(config=topic.config)) == []


def test_a_plain_loop_hears_what_comes_until_it_is_closed(topic: Topic) -> None:
    topic.publish(record("verdict", 1, "unresolved"))
    stream = feed(since=timedelta(hours=1), config=topic.config)
    heard: list[FeedEvent] = []

    def listen() -> None:
        for event in stream:
            heard.append(event)
            if event.token == 1:
                topic.publish(record("verdict", 2, "resolved"))
            else:
                stream.close()

    listening = threading.Thread(target=listen)
    listening.start()
    listening.join(30)
    assert not listening.is_alive()
    assert [event.token for event in heard] == [1, 2]


async def test_an_asynchronous_loop_leaves_the_event_loop_free_and_can_be_cancelled(topic: Topic) -> None:
    heard: list[int] = []

    async def listen() -> None:
        async for event in feed(config=topic.config):
            heard.append(event.token)

    listening = asyncio.create_task(listen())
    for token in range(1, 200):  # it begins at what is published from now on, once it has found the topic's ends
        topic.publish(record("verdict", token, "none"))
        await asyncio.sleep(0.1)
        if heard:
            break
    assert heard
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


def test_a_file_that_is_no_feed_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_text(json.dumps(record("verdict", 1, "none")) + "\n\nnothing\n")
    with pytest.raises(ConfigurationError, match=r"feed.jsonl:3 is no record"):
        list(feed(file))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(verdicts(tmp_path / "nowhere.jsonl"))
