"""How far a consumer group is behind, without joining it."""

from collections.abc import Iterable, Mapping
from typing import Any

import confluent_kafka as ck
from confluent_kafka import KafkaException

from streamer.adapters.kafka.clients import made
from streamer.adapters.kafka.errors import translated

WAIT_S = 5.0


def lag(connection: Mapping[str, Any], group: str, partitions: Iterable[tuple[str, int]]) -> int:
    """Records behind the committed offsets of the group; all of a partition where it has none. Raises TransientError
    where Kafka does not answer in time."""
    consumer = made(ck.Consumer, {**connection, "group.id": group, "enable.auto.commit": False})
    try:
        committed = consumer.committed([ck.TopicPartition(*name) for name in partitions], timeout=WAIT_S)
        behind = 0
        for place in committed:
            low, high = consumer.get_watermark_offsets(ck.TopicPartition(place.topic, place.partition), timeout=WAIT_S)
            behind += max(0, high - (place.offset if place.offset >= 0 else low))
        return behind
    except KafkaException as error:
        raise translated(error.args[0], f"offsets of group {group}") from error
    finally:
        consumer.close()


def committed(connection: Mapping[str, Any], group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """By partition, the next offset of the group; those that it has never committed are left out."""
    consumer = made(ck.Consumer, {**connection, "group.id": group, "enable.auto.commit": False})
    try:
        places = consumer.committed([ck.TopicPartition(topic, p) for p in partitions], timeout=WAIT_S)
    except KafkaException as error:
        raise translated(error.args[0], f"offsets of group {group}") from error
    finally:
        consumer.close()
    return {place.partition: place.offset for place in places if place.offset >= 0}


def retention_ms(connection: Mapping[str, Any], topics: Iterable[str]) -> dict[str, int]:
    """How long each topic keeps its records, -1 for ever; those whose broker does not say are left out."""
    from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

    admin = made(AdminClient, connection)
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    found: dict[str, int] = {}
    for resource, future in admin.describe_configs(asked, request_timeout=WAIT_S).items() if asked else ():
        try:
            found[resource.name] = int(future.result(WAIT_S + 1)["retention.ms"].value)
        except (KafkaException, KeyError, TimeoutError, ValueError):
            continue
    return found
