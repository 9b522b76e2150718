"""A session is ended by hand: a control record through Kafka, so that it stands in order behind what was written before
it and is not lost with whoever sent it."""

import json
from dataclasses import dataclass
from typing import Literal

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.app.addressing import topic_of, whose
from streamer.app.looking import source_named
from streamer.app.people import redis_of
from streamer.core.ids import Scope
from streamer.core.session import SessionRef, SessionState
from streamer.core.session_id import clean
from streamer.core.wire.containers.control import record_of
from streamer.core.wire.containers.opening import Ended
from streamer.core.wire.records import Record
from streamer.errors import ConfigurationError, TransientError
from streamer.settings import Settings


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
    owner, headers = whose(found, tenant)
    said = Ended(named, tenant if found.tenant_resource else None)
    value = json.dumps(record_of(said), ensure_ascii=False, separators=(",", ":")).encode()
    record = Record(topic_of(found, topic), -1, -1, 0, value, named.encode(), headers)
    return SessionEnd(SessionRef(Scope(source, owner), named), record)


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
