"""Kafka behind TLS, passwords and access control: it works with exactly what docs/operations.md lists, or one sentence
says what is missing."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.app.checking_kafka import kafka_findings, wanted
from streamer.app.finding import Finding
from streamer.core.reading import Start
from streamer.core.wire.records import DeadLetter, Record
from streamer.errors import ConfigurationError, StreamerError, TransientError
from streamer.ports import TopicPartition
from streamer.settings import Settings
from tests.services.certificates import Authority
from tests.services.kafka import create_topics
from tests.services.kafka_secured import PASSWORD, PLAIN_USER, Grant, SecuredKafka

pytestmark = pytest.mark.real
TOPIC, FEED, GROUP = "spans", "verdicts", "workers"
LETTERS = f"{TOPIC}.dlq"


@pytest.fixture(scope="module")
def kafka(secured_kafka: SecuredKafka) -> SecuredKafka:
    create_topics(secured_kafka.server.bootstrap, {TOPIC: 1, FEED: 1, LETTERS: 1, f"{FEED}.dlq": 1})
    return secured_kafka


def settings_of(connection: Mapping[str, str], topics: tuple[str, ...] = (TOPIC,)) -> Settings:
    options = {name: value for name, value in connection.items() if name != "bootstrap.servers"}
    return Settings.of(
        {
            "kafka": {"bootstrap": connection["bootstrap.servers"], "group": GROUP, "options": options},
            "sources": ({"topics": topics},),
            "feed": {"topic": FEED},
        },
        {},
    )


GRANTS: list[Grant] = [(r.operation, r.kind, r.name) for r in wanted(settings_of({"bootstrap.servers": "h:1"}), ())]


async def findings(connection: Mapping[str, str]) -> list[Finding]:
    found = [finding async for finding in kafka_findings(settings_of(connection))]
    assert PASSWORD not in str(found)
    return found


async def fails(connection: Mapping[str, str]) -> list[Finding]:
    return [finding for finding in await findings(connection) if finding.state != "ok"]


def source_of(connection: Mapping[str, str]) -> KafkaSource:
    return KafkaSource(SourceSettings(connection=connection, group=GROUP, topics=(TOPIC,), start=Start("beginning", 0)))


def letter() -> DeadLetter:
    return DeadLetter(Record(TOPIC, 0, 0, 0, b"?"), "unreadable", "no decoder")


@pytest.fixture
async def ends() -> AsyncIterator[list[Any]]:
    """To be closed, whatever happened."""
    made: list[Any] = []
    yield made
    for end in made:
        await end.close()


async def use(connection: Mapping[str, str], ends: list[Any]) -> None:
    """What the roles do: read, commit, set aside, tell the feed; and people look at it."""
    publisher = KafkaPublisher(connection, FEED)
    source = source_of(connection)
    ends += [publisher, source]
    await publisher.ready()
    await publisher.put([letter()])
    await publisher.append([Record(FEED, -1, 0, 0, b"{}")])
    async with asyncio.timeout(40):
        while not (await source.fetch()).assigned:
            pass
        partition = TopicPartition(TOPIC, 0)
        end = (await source.end_offsets([partition]))[partition]
        await source.commit({partition: end})
        await source.rewind()
    assert await asyncio.to_thread(lambda: next(kafka_reader.read(connection, FEED, 1, False)))


async def test_exactly_the_listed_rights_are_enough(kafka: SecuredKafka, ends: list[Any]) -> None:
    connection = kafka.add_user("just-enough", GRANTS)
    assert await fails(connection) == []
    await use(connection, ends)


def test_the_docs_list_these_rights() -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "operations.md").read_text()
    table = text.partition("## Rights in Kafka")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| (topics?|groups?) ([^|]+) \| ([^|]+) \|", table, re.MULTILINE))
    names = {"of `[[sources]]`": TOPIC, "`<topic>.dlq`": LETTERS, "`feed.topic`": FEED, "`kafka.group`": GROUP}
    names |= {"`<feed.topic>.dlq`": f"{FEED}.dlq", "`<kafka.group>-monitor`": f"{GROUP}-monitor"}
    names["`streamer-look`"] = kafka_reader.GROUP
    said = {
        (operation, kind.rstrip("s"), names[name])
        for kind, name, operations in listed
        if name in names
        for operation in operations.split(", ")
    }
    assert said >= set(GRANTS)


@pytest.mark.parametrize("left_out", GRANTS, ids=[" ".join(grant) for grant in GRANTS])
async def test_one_right_less_is_named(kafka: SecuredKafka, left_out: Grant) -> None:
    user = f"less-{secrets.token_hex(3)}"
    connection = kafka.add_user(user, [grant for grant in GRANTS if grant != left_out])
    operation, kind, name = left_out
    said = [f for f in await fails(connection) if f.step == "rights in kafka"]
    assert [finding.said for finding in said] == [f"no right to {operation} {kind} {name}"]
    assert said[0].remedy.endswith(f"--operation {operation} --{kind} {name}")


async def test_a_user_without_any_right_is_told_all(kafka: SecuredKafka) -> None:
    said = [f.said for f in await fails(kafka.add_user("nobody")) if f.step == "rights in kafka"]
    assert said == [f"no right to {operation} {kind} {name}" for operation, kind, name in GRANTS]


async def test_a_password_by_plain(kafka: SecuredKafka, ends: list[Any]) -> None:
    kafka.grant(PLAIN_USER, GRANTS)
    connection = kafka.by_password(PLAIN_USER, "PLAIN")
    assert await fails(connection) == []
    await use(connection, ends)


async def test_a_client_certificate(kafka: SecuredKafka, authority: Authority, ends: list[Any]) -> None:
    mine = authority.issue("streamer-kafka")
    kafka.grant("CN=streamer-kafka", GRANTS)
    connection = by_tls(kafka, "CERTIFICATES", authority)
    connection |= {"ssl.certificate.location": mine.cert, "ssl.key.location": mine.key}
    assert await fails(connection) == []
    await use(connection, ends)


def by_tls(kafka: SecuredKafka, listener: str, authority: Authority) -> dict[str, str]:
    at = kafka.server.at(listener)
    return {"bootstrap.servers": at, "security.protocol": "SSL", "ssl.ca.location": authority.ca_file}


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("case", "of_check", "of_worker", "kind"),
    [
        ("password", "refuses user or password", "refuses user or password", ConfigurationError),
        pytest.param("user", "refuses user or password", "refuses user or password", ConfigurationError, marks=SLOW),
        pytest.param(
            "mechanism", "it takes PLAIN,SCRAM-SHA-512", "it takes PLAIN,SCRAM-SHA-512", ConfigurationError, marks=SLOW
        ),
        pytest.param(
            "ca",
            "signed by no CA that is trusted here: set ssl.ca.location",
            "is not believed",
            TransientError,
            marks=SLOW,
        ),
        pytest.param(
            "no ca",
            "signed by no CA that is trusted here: set ssl.ca.location",
            "is not believed",
            TransientError,
            marks=SLOW,
        ),
        ("expired", "has expired: renew it", "is not believed", TransientError),
        pytest.param("elsewhere", "is for another host", "is not believed", TransientError, marks=SLOW),
        pytest.param(
            "no certificate",
            "set ssl.certificate.location",
            "set ssl.certificate.location",
            ConfigurationError,
            marks=SLOW,
        ),
        pytest.param(
            "foreign", "wants a client certificate that it trusts", "that it trusts", ConfigurationError, marks=SLOW
        ),
        pytest.param(
            "no tls there", "does not speak TLS there", "does not speak TLS there", ConfigurationError, marks=SLOW
        ),
        pytest.param("only tls there", "does not answer", "does not answer", TransientError, marks=SLOW),
    ],
)
async def test_who_is_refused_is_told_why(
    kafka: SecuredKafka,
    authority: Authority,
    stranger: Authority,
    ends: list[Any],
    case: str,
    of_check: str,
    of_worker: str,
    kind: type[StreamerError],
) -> None:
    foreign = stranger.issue("foreign")
    good, asking = kafka.by_password(PLAIN_USER, "PLAIN"), by_tls(kafka, "CERTIFICATES", authority)
    connection = {
        "password": kafka.by_password(PLAIN_USER, "PLAIN", f"{PASSWORD}-not"),
        "user": kafka.by_password("nobody-at-all", "SCRAM-SHA-512"),
        "mechanism": {**good, "sasl.mechanism": "SCRAM-SHA-256"},
        "ca": {**good, "ssl.ca.location": stranger.ca_file},
        "no ca": {name: value for name, value in good.items() if name != "ssl.ca.location"},
        "expired": by_tls(kafka, "EXPIRED", authority),
        "elsewhere": by_tls(kafka, "ELSEWHERE", authority),
        "no certificate": asking,
        "foreign": {**asking, "ssl.certificate.location": foreign.cert, "ssl.key.location": foreign.key},
        "no tls there": {**asking, "bootstrap.servers": kafka.server.bootstrap},
        "only tls there": {"bootstrap.servers": kafka.server.at("CERTIFICATES")},
    }[case]
    (said, *_) = await fails(connection)
    assert of_check in said.said
    assert "\n" not in said.said
    source = source_of(connection)
    ends.append(source)
    with pytest.raises(kind, match=re.escape(of_worker)) as error:
        await source.fetch()
    assert PASSWORD not in str(error.value)
