"""A message of confluent-kafka as a record."""

from collections.abc import Sequence
from typing import Any

import confluent_kafka as ck

from streamer.core.wire.records import Record


def record_of(message: ck.Message) -> Record:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    return Record(topic, partition, offset, message.timestamp()[1], message.value(), message.key(), _headers(message))


def _headers(message: ck.Message) -> Sequence[Any]:
    """None where one has a name that is not UTF-8: the client cannot tell them then."""
    try:
        return message.headers() or ()
    except (SystemError, UnicodeDecodeError):
        return ()
