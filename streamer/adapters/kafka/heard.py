"""What librdkafka's own threads are told while a call only hears that nobody answers: a refused password, a certificate
that is not believed."""

import time
from typing import Protocol

import confluent_kafka as ck
from confluent_kafka import KafkaError, KafkaException

from streamer.adapters.kafka.errors import UNREACHABLE, translated
from streamer.core.tls_words import tls_trouble
from streamer.errors import ConfigurationError, StreamerError, TransientError

FRESH_S = 15.0
"""Longer than a client waits between two tries to connect."""
_REFUSED = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})


class Polled(Protocol):
    def poll(self, timeout: float, /) -> object: ...


class Heard:
    """Belongs into a client's configuration as `error_cb`."""

    def __init__(self) -> None:
        self._said: tuple[float, StreamerError] | None = None

    def __call__(self, error: ck.KafkaError) -> None:
        known = _understood(error)
        if known is not None:
            self._said = time.monotonic(), known

    def reason(self, error: KafkaException, what: str, client: Polled | None = None) -> StreamerError:
        """What to raise for a call that failed. `client`: one that nobody else polls, and whose poll returns nothing
        that would be missed."""
        first: ck.KafkaError = error.args[0]
        if first.code() in UNREACHABLE:
            if client is not None:
                client.poll(0)
            if self._said is not None and time.monotonic() - self._said[0] < FRESH_S:
                return type(self._said[1])(f"{what}: {self._said[1]}")
        return translated(first, what)


def _understood(error: ck.KafkaError) -> StreamerError | None:
    said = error.str()
    if error.code() in _REFUSED:
        if "mechanism" in said and "supported" in said:
            takes = said.rpartition(":")[2].partition("(")[0].strip()
            return ConfigurationError(f"Kafka does not take this sasl.mechanism; it takes {takes}: see kafka.options")
        return ConfigurationError("Kafka refuses user or password: sasl.username, sasl.password of kafka.options")
    trouble = tls_trouble(
        said, whom="Kafka", ca="ssl.ca.location of kafka.options", cert="ssl.certificate.location of kafka.options"
    )
    if trouble is None:
        return None
    if "certificate verify failed" in said:
        # librdkafka does not tell why; the other side may renew its certificate, and then all is well.
        return TransientError(
            "the certificate of Kafka is not believed: ssl.ca.location of kafka.options names another CA, or it has "
            "expired, or is for another host"
        )
    return (ConfigurationError if trouble.lasting else TransientError)(trouble.said)
