"""Where Redis is, as a URL says it: one server, a primary that Sentinels know, or a cluster.

    redis://user:password@host:6379/0                   rediss:// is TLS, also of the two below
    redis+sentinel://user:password@one:26379,two:26379/service/0
    redis+cluster://user:password@one:6379,two:6379     a single node of it as redis:// is recognised, too
    unix:///run/redis.sock?db=0

Rule: an error never repeats the URL, which may hold a password.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Kind = Literal["server", "unix", "sentinel", "cluster"]
SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
PORTS: Mapping[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
OPTIONS = (
    "db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"
)  # fmt: skip
"""Behind the `?`, named as redis-py names them."""


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RedisUrl(NamedTuple):
    kind: Kind
    tls: bool
    hosts: tuple[Address, ...]
    service: str
    """By which Sentinels know the primary."""
    db: int
    user: str
    password: str
    path: str
    """Of a socket in the file system."""
    options: Mapping[str, str]


def read_url(url: str) -> RedisUrl:
    """ValueError with a sentence that goes on from the setting's name."""
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in SCHEMES:
        raise ValueError(
            "must begin with redis://, rediss:// (TLS), redis+sentinel://, redis+cluster:// (rediss+… with TLS) or "
            "unix://, as in redis://host:6379/0"
        )
    kind, tls = SCHEMES[scheme]
    split = _split(url)
    credentials, _, places = split.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    service, db = _path(kind, split.path)
    options = dict(parse_qsl(split.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise ValueError(f"has {len(unknown)} unknown options behind the ?; there are {', '.join(OPTIONS)}")
    db_text = options.pop("db", db)
    if not re.fullmatch(r"\d{1,9}", db_text):
        raise ValueError("must end with the number of a database, as in redis://host:6379/0")
    if kind == "cluster" and int(db_text):
        raise ValueError("names a database, and a cluster has none but 0")
    hosts = () if kind == "unix" else tuple(_host(part, PORTS[kind]) for part in places.split(","))
    if kind == "server" and len(hosts) > 1:
        raise ValueError("names several hosts: write redis+sentinel:// or redis+cluster://")
    path = unquote(split.path) if kind == "unix" else ""
    user, password = options.pop("username", unquote(user)), options.pop("password", unquote(password))
    return RedisUrl(kind, tls, hosts, service, int(db_text), user, password, path, options)


def _path(kind: Kind, path: str) -> tuple[str, str]:
    """Service and database."""
    parts = [unquote(part) for part in path.split("/") if part]
    if kind == "unix":
        return "", "0"
    if kind == "sentinel":
        if not 1 <= len(parts) <= 2:
            raise ValueError("must name the service that Sentinels know, as in redis+sentinel://host:26379/mymaster/0")
        return parts[0], parts[1] if len(parts) == 2 else "0"
    if len(parts) > 1:
        raise ValueError("must end with the number of a database, as in redis://host:6379/0")
    return "", parts[0] if parts else "0"


def _host(text: str, default_port: int) -> Address:
    try:
        split = urlsplit(f"//{text}")
        host, port = split.hostname, split.port
    except ValueError as error:
        raise ValueError(f"is no URL ({_why(error)}); write it as in redis://host:6379/0") from None
    return Address(unquote(host) if host else "localhost", default_port if port is None else port)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ValueError(f"is no URL ({_why(error)}); write it as in redis://host:6379/0") from None


def _why(error: ValueError) -> str:
    """Without the value in it."""
    return "its port is not between 0 and 65535" if "ort" in str(error) else "its host cannot be read"
