"""A session is ended by hand: a control record through Kafka, so that it stands in order behind what was written before
it and is not lost with whoever sent it."""

import json
from dataclasses import dataclass
from typing import Literal

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.app.looking import source_named
from streamer.app.people import redis_of
from streamer.core.ids import Scope
from streamer.core.session import SessionRef, SessionState
from streamer.core.session_id import clean
from streamer.core.wire.containers.control import record_of
from streamer.core.wire.containers.opening import Ended
from streamer.core.wire.records import Header, Record
from streamer.errors import ConfigurationError, TransientError
from streamer.settings import Settings, Source


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """What would be sent, and to whom it speaks."""

    session: SessionRef
    record: Record


def session_end(settings: Settings, session_id: str, source: str, tenant: str | None, topic: str | None) -> SessionEnd:
    """The record that ends a session. ConfigurationError if nobody would read it, or not as this tenant's."""
    found = source_named(settings, source)
    named = clean(session_id)
    if named is None:
        raise ConfigurationError(f"{session_id!r} names no session")
    if found.encoding not in ("auto", "control"):
        raise ConfigurationError(
            f"source {source} reads {found.encoding} alone, where a control record is a dead letter; set its encoding "
            "to auto"
        )
    whose, headers = _whose(found, tenant)
    said = Ended(named, tenant if found.tenant_resource else None)
    value = json.dumps(record_of(said), ensure_ascii=False, separators=(",", ":")).encode()
    record = Record(_topic(found, topic), -1, -1, 0, value, named.encode(), headers)
    return SessionEnd(SessionRef(Scope(source, whose), named), record)


def _whose(source: Source, tenant: str | None) -> tuple[str, list[Header]]:
    if source.tenant_resource or tenant in (None, source.tenant):
        return tenant or source.tenant, []
    if source.tenant_header:
        return tenant or "", [(source.tenant_header, (tenant or "").encode())]
    raise ConfigurationError(
        f"--tenant {tenant!r}: all of source {source.name} is of tenant {source.tenant} (tenant_header and "
        "tenant_resource of its [[sources]] table tell tenants apart)"
    )


def _topic(source: Source, topic: str | None) -> str:
    if topic is not None:
        if source.reads(topic):
            return topic
        raise ConfigurationError(f"--topic {topic}: source {source.name} does not read it ({', '.join(source.topics)})")
    plain = next((name for name in source.topics if not name.startswith("^")), None)
    if plain is None:
        raise ConfigurationError(f"source {source.name} names its topics by a regex: name one with --topic")
    return plain


async def send(settings: Settings, what: SessionEnd) -> None:
    """Returns when Kafka has acknowledged the record. Repeating it changes nothing but when the session was over."""
    publisher = KafkaPublisher(settings.kafka.connection(), settings.feed.topic)
    try:
        await publisher.append([what.record])
    finally:
        await publisher.close()


async def known(settings: Settings, session: SessionRef) -> SessionState | Literal["unknown", "not asked"]:
    """What Redis has of the session. The end goes through Kafka: without Redis it is only not said what it will do."""
    try:
        async with redis_of(settings) as redis:
            found = await redis.handle().session(session.key)
    except TransientError:
        return "not asked"
    return found[1] if found else "unknown"
