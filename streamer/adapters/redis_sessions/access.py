"""How connections to Redis are made: what the URL says, certificates, and whether Sentinels are asked first."""

import ssl
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streamer.adapters.redis_sessions.cluster import Cluster
from streamer.adapters.redis_sessions.connection import Primaries, Primary
from streamer.adapters.redis_sessions.sentinel import Sentinels
from streamer.core.redis_url import RedisUrl, read_url
from streamer.errors import ConfigurationError

TIMEOUT_S = 5.0
"""A third of a lease: a call that takes longer is of no use to its claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAccess:
    """What an URL does not say. Files are PEM."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    sentinel_user: str | None = None
    sentinel_password: str | None = None


async def connect(url: str, access: RedisAccess | None = None) -> Primaries:
    """One primary, however it is found, or those of a cluster; a cluster behind `redis://` is recognised.

    ConfigurationError for an address or a certificate that can never work; TransientError if nothing answers.
    """
    access = access or RedisAccess()
    try:
        place = read_url(url)
    except ValueError as error:
        raise ConfigurationError(f"redis.url {error}") from None
    options = _options(place, access)
    if place.kind == "cluster":
        return Cluster(place.hosts, options)
    if place.kind == "sentinel":
        sentinels = Sentinels(place.hosts, place.service, _of_sentinels(options, access))
        return Primary({**options, "db": place.db}, sentinels)
    where = {"path": place.path} if place.kind == "unix" else place.hosts[0]._asdict()
    primary = Primary({**options, **where, "db": place.db})
    try:
        clustered = await primary.is_clustered()
    except BaseException:
        await primary.close()
        raise
    if not clustered:
        return primary
    await primary.close()
    return Cluster(place.hosts, options)


def _options(place: RedisUrl, access: RedisAccess) -> dict[str, Any]:
    """Of a redis-py connection, but for where to connect to."""
    kinds = {"unix": UnixDomainSocketConnection}
    return {
        "connection_class": SSLConnection if place.tls else kinds.get(place.kind, Connection),
        "username": place.user or None,
        "password": place.password or None,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        # Nothing is retried: a second try could reach another server than the one that was asked first.
        "retry": Retry(NoBackoff(), 0),
        "client_name": "streamer",
        "protocol": 2,
        **(_tls(place, access) if place.tls else {}),
    }


def _of_sentinels(options: dict[str, Any], access: RedisAccess) -> dict[str, Any]:
    return {**options, "username": access.sentinel_user or None, "password": access.sentinel_password or None}


def _tls(place: RedisUrl, access: RedisAccess) -> dict[str, Any]:
    said = place.options
    ca_file, cert_file = access.ca_file or said.get("ssl_ca_certs"), access.cert_file or said.get("ssl_certfile")
    key_file = access.key_file or said.get("ssl_keyfile")
    _check_files(ca_file, cert_file, key_file)
    demands = said.get("ssl_cert_reqs", "required")
    if demands not in ("required", "none"):
        raise ConfigurationError("redis.url: ssl_cert_reqs is required or none")
    return {
        "ssl_ca_certs": ca_file,
        "ssl_certfile": cert_file,
        "ssl_keyfile": key_file,
        "ssl_cert_reqs": demands,
        "ssl_check_hostname": said.get("ssl_check_hostname", "true").lower() not in ("false", "no", "0"),
    }


def _check_files(ca_file: str | None, cert_file: str | None, key_file: str | None) -> None:
    """They are read anew at every connection; what is wrong with them is said once, by name."""
    context = ssl.create_default_context()
    if ca_file:
        _read("ca_file", ca_file, "it holds no certificate", lambda: context.load_verify_locations(ca_file))
    if cert_file:
        wrong = "certificate and key do not belong together, or the key is encrypted"
        _read("cert_file", cert_file, wrong, lambda: context.load_cert_chain(cert_file, key_file, password=""))


def _read(setting: str, path: str, wrong: str, load: Any) -> None:  # noqa: ANN401
    try:
        load()
    except OSError as error:
        why = wrong if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError(f"redis.{setting} {path}: {why}; name a file in PEM") from None
