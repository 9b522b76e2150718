"""librdkafka's clients, made: what it refuses of our settings is a setting to change.

Rule: of its sentence only the option's name is repeated; the rest may quote a password.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from streamer.adapters.kafka.errors import LOG_LEVEL
from streamer.errors import ConfigurationError

T = TypeVar("T")
_NAMED = re.compile(r"property:? \"([a-z0-9_.]+)\"|\b((?:ssl|sasl|security)\.[a-z.]+[a-z])")


def made(kind: Callable[[dict[str, Any]], T], settings: Mapping[str, Any]) -> T:
    """A Producer, Consumer or AdminClient. ConfigurationError for an option that librdkafka does not take."""
    try:
        return kind({"log_level": LOG_LEVEL, **settings})
    except KafkaException as error:
        said = str(error.args[0].str())
    except (TypeError, ValueError) as error:
        said = str(error)
    named = _NAMED.search(said)
    option = (named[1] or named[2]) if named else "an option"
    why = "does not know" if "No such" in said else "does not take the value of"
    raise ConfigurationError(
        f"kafka.options: librdkafka {why} {option}; names and values are in the CONFIGURATION.md of its version"
    )
