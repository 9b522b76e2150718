"""Kafka's errors in streamer's terms: the one table."""

from confluent_kafka import KafkaError

from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError

LOG_LEVEL = 2
"""librdkafka prints a line for every refused connection; an outage is said once, by us. kafka.options may raise it."""

_REMEDIES = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "the topic does not exist; create it or correct its name",
    KafkaError._UNKNOWN_TOPIC: "the topic does not exist; create it or correct its name",
    KafkaError._UNKNOWN_PARTITION: "the partition does not exist",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "no right to this topic; grant it to streamer's user",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "no right to this consumer group; grant it to streamer's user",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "no right to write to any topic; streamer check says what is missing",
    KafkaError.SASL_AUTHENTICATION_FAILED: "user or password is refused: sasl.username, sasl.password of kafka.options",
    KafkaError._AUTHENTICATION: "user or password is refused: sasl.username, sasl.password of kafka.options",
    KafkaError._INVALID_ARG: "a Kafka setting is not valid",
}
UNREACHABLE = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
)
_PERMANENT = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.OFFSET_OUT_OF_RANGE})


def translated(error: KafkaError, what: str) -> StreamerError:
    """`what` says what was tried, with the topic's name; never a record's content."""
    remedy = _REMEDIES.get(error.code())
    if remedy:
        return ConfigurationError(f"{what}: {remedy} ({error.name()})")
    if error.code() in _PERMANENT:
        return PermanentError(f"{what}: {error.name()}")
    if error.code() in UNREACHABLE:
        return TransientError(
            f"{what}: Kafka does not answer ({error.name()}); KAFKA, or kafka.bootstrap, says where it is, "
            "security.protocol of kafka.options how it is spoken to"
        )
    return TransientError(f"{what}: {error.name()}")
