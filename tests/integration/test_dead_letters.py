"""`streamer dlq` on a real Kafka: records are set aside by ingest itself, listed, shown, replayed, and read again."""

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.system_clock import SystemClock
from streamer.cli import cli
from streamer.core.dead_letters import headers_of
from streamer.core.fuse import Fuse, FuseLimits
from streamer.core.ids import Scope
from streamer.core.lifecycle import Limits
from streamer.core.reading import BEGINNING
from streamer.core.session import SessionRef
from streamer.core.wire.cut import Cutter
from streamer.core.wire.records import DeadLetter, ProblemReason, Record
from streamer.core.wire.rules import CutRules
from streamer.errors import FuseBlown, StreamerError
from streamer.loops.ingest import Ingest, IngestParts
from tests.builders import otlp_record, span
from tests.contract.brokers import unique
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.session_store import FakeRedis, FakeSessionStore

pytestmark = pytest.mark.real
SMALL_BYTES = 60_000
"""What the dead-letter topic takes; its source takes Kafka's own 1 MiB."""


class Topic:
    """A topic with its dead letters, a configuration that names it, and what was on it from the start."""

    def __init__(self, bootstrap: str, home: Path) -> None:
        self.bootstrap, self.name = bootstrap, f"chats-{unique()}"
        dlq = NewTopic(f"{self.name}.dlq", 2, 1, config={"max.message.bytes": str(SMALL_BYTES)})
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in admin.create_topics([NewTopic(self.name, 2, 1), dlq]).values():
            future.result(30)
        self.config, self.home = home / "streamer.toml", home
        self.config.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n[[sources]]\ntopics = ["{self.name}"]\n')
        self.producer = ck.Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000, "log_level": 2})
        self.store = FakeSessionStore(FakeRedis(SystemClock().now_ms, Limits(gap_ms_min=60_000)))

    def produce(self, *values: bytes, **more: Any) -> None:
        for value in values:
            self.producer.produce(self.name, value, partition=0, **more)
        assert self.producer.flush(20) == 0

    def ingested(self, fuse: FuseLimits | None = None, rules: CutRules | None = None) -> None:
        """Read to the end by ingest itself; its offsets are committed."""
        asyncio.run(self._ingested(fuse or FuseLimits(), rules or CutRules()))

    async def _ingested(self, fuse: FuseLimits, rules: CutRules) -> None:
        source = KafkaSource(
            SourceSettings(
                connection={"bootstrap.servers": self.bootstrap}, group=self.name, topics=[self.name], start=BEGINNING
            )
        )
        publisher = KafkaPublisher({"bootstrap.servers": self.bootstrap}, "assessments")
        ingest = Ingest(
            IngestParts(
                name="default",
                source=source,
                store=self.store,
                dead_letters=publisher,
                cutter=Cutter(rules),
                fuse=Fuse(fuse, ["default"]),
                limits=Limits(gap_ms_min=60_000, commit_delay_ms=200),
                clock=SystemClock(),
                metrics=SilentMetrics(),
                journal=SilentJournal(),
            )
        )
        try:
            for _ in range(200):
                await ingest.step()
                ends = await source.end_offsets(list(ingest._readings))
                done = [reading.saved == ends[p] and reading.is_committed for p, reading in ingest._readings.items()]
                if done and all(done):
                    break
        finally:
            await source.close()
            await publisher.close()

    def run(self, *words: str | Path, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["dlq", *map(str, words), "-c", str(self.config)])
        if isinstance(result.exception, StreamerError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    def told(self, *words: str | Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*words, "--json"))
        return found

    def knows(self, session_id: str) -> bool:
        key = SessionRef(Scope("default", "default"), session_id).key
        return asyncio.run(self.store.session(key)) is not None


@pytest.fixture
def topic(kafka: str, tmp_path: Path) -> Topic:
    return Topic(kafka, tmp_path)


def turn(session_id: str, size: int = 10) -> bytes:
    trace = random.Random(session_id).randbytes(16).hex()
    said = base64.b85encode(random.Random(session_id).randbytes(size)).decode()  # nothing that compression makes fit
    return otlp_record(span(trace, "01" * 8, session__id=session_id, input__value=said)).value or b""


MISTAKEN = CutRules(encoding="mlflow_json")
"""A source that was told the wrong encoding: good records become dead letters."""


def test_list_replay_list(topic: Topic) -> None:
    large = turn("large", 160_000)
    topic.produce(turn("a"), turn("b"), key=b"k", headers=[("x-tenant-id", b"acme")])
    topic.produce(large, b"garbage that no rule will ever read")
    topic.ingested(rules=MISTAKEN)
    listed = topic.told("list")
    assert (listed["totals"], listed["replayed"], listed["foreign"]) == ({"unreadable": 4}, 0, 0)
    sizes = {letter["offset"]: (letter["size_bytes"], letter["parts"] > 1) for letter in listed["letters"]}
    assert sizes[2] == (len(large), True)
    assert sizes[3] == (35, False)

    dry = topic.told("replay")
    assert (dry["decode"], dry["fail"], dry["replayed"], dry["dry_run"]) == (3, {"unreadable": 1}, 0, True)
    assert topic.told("list") == listed, "a dry run changes nothing"
    assert topic.told("replay", "--limit", "2")["wanted"] == 2
    assert topic.told("replay", "--yes", "--limit", "2")["replayed"] == 2
    assert "1 were put back" in topic.run("replay", "--yes")
    again = topic.told("replay", "--yes")
    assert (again["letters"], again["replayed_before"], again["replayed"]) == (1, 3, 0)

    after = topic.told("list")
    assert [letter["offset"] for letter in after["letters"]] == [3]
    assert len(topic.told("list", "--replayed")["letters"]) == 4
    assert "3 more were replayed: --replayed shows them" in topic.run("list")
    topic.ingested()
    for session_id in ("a", "b", "large"):
        assert topic.knows(session_id)
    assert topic.told("list") == after, "what was replayed was read this time"


def test_a_record_that_comes_back_again_and_again_is_given_up(topic: Topic) -> None:
    topic.produce(b"garbage")
    for attempt in range(3):
        topic.ingested()
        (letter,) = topic.told("list")["letters"]
        assert letter["attempts"] == attempt
        assert topic.told("replay", "--all", "--yes")["replayed"] == 1
    topic.ingested()
    tally = topic.told("replay", "--all", "--yes")
    assert (tally["replayed"], tally["refused"]) == (0, {"came back 3 times": 1})


def test_a_letter_is_shown_by_either_place_and_its_bytes_are_exact(topic: Topic) -> None:
    value = turn("s-1", 160_000)
    topic.produce(value, key=b"k", headers=[("x-tenant-id", b"acme"), ("bin", b"\xff\x00")])
    topic.ingested(rules=MISTAKEN)
    (listed,) = topic.told("list")["letters"]
    out = topic.home / "out.bin"
    for where in (f"{topic.name}/0/0", listed["letter"][0], listed["letter"][-1]):
        shown = topic.told("show", where, "--raw", out)
        assert out.read_bytes() == value
        assert shown["headers"] == [["x-tenant-id", "acme"], ["bin", "ff 00"]]
        assert [turn["session_id"] for turn in shown["decoded"]["turns"]] == ["s-1"]
    printed = topic.run("show", f"{topic.name}/0/0")
    for said in ("unreadable", "x-tenant-id: acme", " parts", "s-1  (from session.id)"):
        assert said in printed
    with pytest.raises(StreamerError, match=r"no dead letter of .*/0/7 is there"):
        topic.run("show", f"{topic.name}/0/7")


def test_a_part_that_retention_took_is_said_and_nothing_half_is_put_back(topic: Topic) -> None:
    topic.produce(turn("s-1", 160_000))
    topic.ingested(rules=MISTAKEN)
    admin = AdminClient({"bootstrap.servers": topic.bootstrap})
    (place, *_) = topic.told("list")["letters"][0]["letter"]
    name, partition, offset = place.rsplit("/", 2)
    for future in admin.delete_records([ck.TopicPartition(name, int(partition), int(offset) + 1)]).values():
        future.result(10)
    (letter,) = topic.told("list")["letters"]
    assert 1 in letter["missing"]
    assert "missing" in topic.run("list")
    tally = topic.told("replay", "--all", "--yes")
    assert (tally["replayed"], sum(tally["refused"].values())) == (0, 1)
    with pytest.raises(StreamerError, match="parts are missing; the original cannot be put together"):
        topic.run("show", f"{topic.name}/0/0", "--raw", topic.home / "out.bin")


def test_filters_by_topic_reason_and_age(topic: Topic) -> None:
    reasons: tuple[ProblemReason, ...] = ("unreadable", "no_spans", "no_spans")
    for offset, reason in enumerate(reasons):
        letter = DeadLetter(Record(topic.name, 0, offset, 1, b"x"), reason, "why")
        topic.producer.produce(f"{topic.name}.dlq", b"x", headers=headers_of(letter))
    topic.producer.produce(f"{topic.name}.dlq", b"somebody else's")
    topic.producer.flush(10)
    assert topic.told("list", "--reason", "no_spans")["totals"] == {"no_spans": 2}
    assert topic.told("list", "--topic", topic.name, "--since", "1h")["totals"] == {"no_spans": 2, "unreadable": 1}
    assert topic.told("list", "--since", "1ms")["totals"] == {}
    printed = topic.run("list", "--limit", "1")
    assert "3 dead letters: no_spans 2, unreadable 1" in printed
    assert "the latest 1 are shown; --limit 3 shows all" in printed
    assert "1 records there are no dead letters of streamer's" in printed


def test_the_fuse_commits_what_it_has_read_and_a_restart_reads_on(topic: Topic) -> None:
    topic.produce(*(b"garbage %d" % n for n in range(3_000)))
    seen = 0
    for _ in range(2):
        with pytest.raises(FuseBlown, match=f"records of {topic.name}, and no other topic is left"):
            topic.ingested(FuseLimits())
        letters = topic.told("list")["totals"]["unreadable"]
        assert seen < letters < 3_000
        seen = letters
