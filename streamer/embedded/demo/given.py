"""Services that the environment names: used instead of a stand-in, and tried before anything is started.

Rule: one that does not answer is a sentence with its variable, the cause and the remedy, within seconds. An address is
shown without user and password.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping

import confluent_kafka as ck
import redis
from confluent_kafka.admin import AdminClient

from streamer.embedded.collector import LOG_LEVEL
from streamer.errors import ConfigurationError

TRY_S = 5


def shown(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2].partition('?')[0]}"


def check(given: Mapping[str, str], topics: Iterable[str]) -> None:
    """ConfigurationError for the first that cannot be used."""
    if bootstrap := given.get("KAFKA"):
        _kafka(bootstrap, topics)
    if url := given.get("REDIS_URL"):
        _redis(url)
    if url := given.get("MLFLOW_TRACKING_URI"):
        _mlflow(url)


def _refused(variable: str, address: str, cause: str) -> ConfigurationError:
    return ConfigurationError(
        f"{variable}={shown(address)} cannot be used: {cause}; start it, correct the address, or unset {variable} "
        "to get a stand-in"
    )


def _kafka(bootstrap: str, topics: Iterable[str]) -> None:
    try:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": LOG_LEVEL})
        known = admin.list_topics(timeout=TRY_S).topics
    except ck.KafkaException as error:
        raise _refused("KAFKA", bootstrap, f"no broker answered in {TRY_S} s ({error.args[0].name()})") from None
    if missing := [topic for topic in topics if topic not in known]:
        commands = "\n".join(
            f"    kafka-topics.sh --bootstrap-server {bootstrap} --create --topic {t}" for t in missing
        )
        raise ConfigurationError(f"KAFKA={bootstrap} lacks topics; create them:\n{commands}")


def _redis(url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=TRY_S, socket_timeout=TRY_S) as client:
            client.ping()
    except (redis.RedisError, OSError, OverflowError) as error:
        raise _refused("REDIS_URL", url, f"it did not answer ({type(error).__name__})") from None
    except ValueError:
        raise _refused("REDIS_URL", url, "it is no address like redis://host:6379/0") from None


def _mlflow(url: str) -> None:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=TRY_S):
            return
    except urllib.error.HTTPError as error:
        cause = f"it answered {error.code}"
    except OSError as error:  # URLError is one
        cause = f"it did not answer ({getattr(error, 'reason', error)})"
    except http.client.BadStatusLine:
        cause = "what answers there speaks no HTTP"
    except (ValueError, http.client.HTTPException):
        cause = "it is no address like http://host:5000"
    raise _refused("MLFLOW_TRACKING_URI", url, cause)
