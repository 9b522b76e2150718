"""Addresses of services and what is sent in headers: told at once where nothing could ever connect.

Rule: as in kinds.py, a sentence goes on from the setting's name and never repeats the value, which may hold a password.
"""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from streamer.core.redis_url import read_url
from streamer.settings.table import ADDRESS

_UNKNOWN_TO_LIBRDKAFKA = re.compile(r"\(\?|\\[A-Za-z]|[*+?}]\?")
"""Lookarounds, inline flags, `\\d`, lazy repetition: its patterns are POSIX extended regular expressions."""


def _http(value: str) -> str:
    return _web(value, "the URL of an MLflow server", "http://host:5000")


def _service(value: str) -> str:
    return _web(value, "a URL", "https://host:9093")


def _web(value: str, what: str, example: str) -> str:
    try:
        url = _split(value)
    except ValueError as error:
        raise ValueError(f"is no URL ({error}); write it as in {example}") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"must be {what}, as in {example}")
    return value


def _redis(value: SecretStr) -> SecretStr:
    read_url(value.get_secret_value())
    return value


def _split(value: str) -> SplitResult:
    """ValueError without the value in it."""
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError as error:
        reason = "its port is not between 0 and 65535" if "ort" in str(error) else "its host cannot be read"
        raise ValueError(reason) from None
    return url


def _header(value: str) -> str:
    """RFC 9110, section 5.5: what may stand in a header without being quoted."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be printable ASCII without spaces or line ends, since it is sent in a header")
    return value


def _header_secret(value: SecretStr) -> SecretStr:
    _header(value.get_secret_value())
    return value


def posix(pattern: str) -> str:
    """A topic's regex. ValueError for what Python understands and librdkafka does not."""
    if found := _UNKNOWN_TO_LIBRDKAFKA.search(pattern):
        raise ValueError(f"is a regex with {found.group()}, which Kafka's client does not know: it takes POSIX ones")
    return pattern


HttpUrl = Annotated[str, AfterValidator(_http), ADDRESS]
ServiceUrl = Annotated[Annotated[str, AfterValidator(_service)] | None, ADDRESS]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis), ADDRESS]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_secret)]
HeaderText = Annotated[str, AfterValidator(_header)]
