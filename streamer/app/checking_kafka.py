"""`streamer check` of Kafka: it answers, the topics are there, and this user may do what the roles need."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.handshake import why_refused
from streamer.adapters.kafka.rights import Right, missing
from streamer.app.finding import Finding
from streamer.core.dead_letters import SUFFIX
from streamer.errors import StreamerError
from streamer.settings import Settings, without_credentials


async def kafka_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Its first one is about Kafka as such; where that fails nothing else can be said."""
    kafka = await _kafka(settings)
    yield kafka
    there = kafka.state == "ok"
    for name in _written(settings):
        yield await asyncio.to_thread(_written_topic, settings, name) if there else not_looked_at(name)
    if there:
        letters = await asyncio.to_thread(_written_topic, settings, f"{settings.feed.topic}{SUFFIX}")
        # Missed only by a monitor that meets a feed record which it cannot read.
        yield letters if letters.state == "ok" else letters._replace(state="warn")
    if there:
        for finding in await asyncio.to_thread(_rights, settings):
            yield finding


def not_looked_at(topic: str) -> Finding:
    return Finding(f"topic {topic}", "warn", "not looked at: Kafka does not answer")


def _written(settings: Settings) -> list[str]:
    letters = (f"{topic}{SUFFIX}" for source in settings.sources for topic in source.topics if topic[0] != "^")
    alerts = (channel.topic for channel in settings.channels if channel.type == "kafka")
    return [settings.feed.topic, *letters, *alerts]


async def _kafka(settings: Settings) -> Finding:
    connection = settings.kafka.connection()
    try:
        await asyncio.to_thread(kafka_reader.topics, connection)
    except StreamerError as error:
        why = await asyncio.to_thread(why_refused, connection)
        return Finding("kafka", "fail", why or str(error), 'KAFKA, or kafka.bootstrap = "host:9092"')
    return Finding("kafka", "ok", f"{without_credentials(settings.kafka.bootstrap)} answers")


def _written_topic(settings: Settings, name: str) -> Finding:
    step, connection = f"topic {name}", settings.kafka.connection()
    try:
        if name not in kafka_reader.topics(connection):
            return Finding(step, "fail", "the topic does not exist, or may not be seen", _creating(settings, name))
    except StreamerError as error:
        return Finding(step, "fail", str(error))
    return Finding(step, "ok", "exists")


def _creating(settings: Settings, name: str) -> str:
    where = without_credentials(settings.kafka.bootstrap)
    return f"kafka-topics.sh --bootstrap-server {where} --create --topic {name} --partitions 6"


def wanted(settings: Settings, there: Sequence[str]) -> Iterator[Right]:
    """What the roles need, and what people's commands do; of the topics that are `there`, for those given by regex."""
    for source in settings.sources:
        named = [topic for topic in source.topics if topic[0] != "^"]
        for topic in dict.fromkeys((*named, *(name for name in there if source.reads(name)))):
            yield Right("topic", topic, "Read")
            yield Right("topic", f"{topic}{SUFFIX}", "Write")
    yield Right("group", settings.kafka.group, "Read")
    yield Right("topic", settings.feed.topic, "Write")
    yield Right("topic", settings.feed.topic, "Read")
    yield Right("topic", f"{settings.feed.topic}{SUFFIX}", "Write")
    yield Right("group", settings.kafka.monitor_group, "Read")
    for channel in settings.channels:
        if channel.type == "kafka":
            yield Right("topic", channel.topic, "Write")
    yield Right("group", kafka_reader.GROUP, "Read")


def _rights(settings: Settings) -> list[Finding]:
    connection = settings.kafka.connection()
    try:
        there = sorted(kafka_reader.topics(connection))
        lacking = missing(connection, list(wanted(settings, there)))
    except StreamerError as error:
        return [Finding("rights in kafka", "fail", str(error))]
    where = without_credentials(settings.kafka.bootstrap)
    adding = f"kafka-acls.sh --bootstrap-server {where} --add --allow-principal User:…"
    return [
        Finding(
            "rights in kafka",
            "fail",
            f"no right to {right.operation} {right.kind} {right.name}",
            f"{adding} --operation {right.operation} --{right.kind} {right.name}",
        )
        for right in lacking
    ] or [Finding("rights in kafka", "ok", "all that the roles need")]
