"""What this client may do, as the brokers themselves say it; nothing is tried out.

Rule: a broker without an authorizer allows everything and is believed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import confluent_kafka as ck
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, AdminClient

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.errors import translated

TIMEOUT_S = 10
_REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})


class Right(NamedTuple):
    kind: str
    """topic or group"""
    name: str
    operation: str
    """Read or Write; both imply Describe."""


def missing(connection: Mapping[str, Any], wanted: Sequence[Right]) -> list[Right]:
    """Those of `wanted` that are not granted. What does not exist, and what a broker does not tell, is not missing."""
    admin = made(AdminClient, connection)
    topics = sorted({right.name for right in wanted if right.kind == "topic"})
    groups = sorted({right.name for right in wanted if right.kind == "group"})
    try:
        allowed = {**dict(_of_topics(admin, topics)), **dict(_of_groups(admin, groups))}
    except KafkaException as error:
        raise translated(error.args[0], "asking for rights") from error
    return [
        right
        for right in wanted
        if (found := allowed[right.kind, right.name]) is not None and right.operation.upper() not in found
    ]


Allowed = tuple[tuple[str, str], frozenset[str] | None]
"""By kind and name the operations; None where nobody says."""


def _of_topics(admin: AdminClient, names: Sequence[str]) -> Iterator[Allowed]:
    if not names:
        return
    asked = admin.describe_topics(
        ck.TopicCollection(list(names)), include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    for name, answer in asked.items():
        yield ("topic", name), _operations(answer)


def _of_groups(admin: AdminClient, names: Sequence[str]) -> Iterator[Allowed]:
    if not names:
        return
    asked = admin.describe_consumer_groups(list(names), include_authorized_operations=True, request_timeout=TIMEOUT_S)
    for name, answer in asked.items():
        yield ("group", name), _operations(answer)


def _operations(answer: Any) -> frozenset[str] | None:  # noqa: ANN401
    try:
        found: list[AclOperation] | None = answer.result(TIMEOUT_S + 1).authorized_operations
    except TimeoutError:
        return None
    except KafkaException as error:
        return frozenset() if error.args[0].code() in _REFUSED else None
    return frozenset(operation.name for operation in found) if found else None
