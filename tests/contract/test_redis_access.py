"""Redis behind TLS, a password, a user with few rights, and Sentinels: it works, or one sentence says why not."""

import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from streamer.adapters import redis_sessions
from streamer.adapters.redis_sessions import RedisAccess, open_redis
from streamer.adapters.redis_sessions.ledgers import ledgers
from streamer.adapters.redis_sessions.load import LoadReader
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.redis_sessions.rights import COMMANDS, rules
from streamer.adapters.redis_sessions.spending import RedisSpending
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.core.status import Now
from streamer.errors import ConfigurationError, StreamerError, TransientError
from streamer.ports import TopicPartition
from tests.contract.test_redis_trouble import fragment, save
from tests.contract.test_session_store import drive
from tests.services.certificates import Authority
from tests.services.process import free_port
from tests.services.redis import OPTIONS, RedisServer

SECRET = "geheim-8c1f"
TLS_OFF = RedisAccess()
USERS = count()


class TlsRedis:
    """A server with a TLS port beside its plain one."""

    def __init__(self, home: Path, authority: Authority, *, clients: str, host: str, expired: bool) -> None:
        own = authority.issue(f"redis-{home.name}", host, expired=expired)
        self._port = free_port()
        tls = ("--tls-port", self._port, "--tls-cert-file", own.cert, "--tls-key-file", own.key)
        trust = ("--tls-ca-cert-file", authority.ca_file, "--tls-auth-clients", clients)
        self.server = RedisServer(home, options=[*OPTIONS, *map(str, (*tls, *trust)), "--requirepass", SECRET])

    @property
    def url(self) -> str:
        return f"rediss://:{SECRET}@127.0.0.1:{self._port}/0"


@pytest.fixture
def tls(tmp_path: Path, authority: Authority, request: pytest.FixtureRequest) -> Iterator[TlsRedis]:
    said = {"clients": "no", "host": "127.0.0.1", "expired": False, **getattr(request, "param", {})}
    made = TlsRedis(tmp_path, authority, **said)
    made.server.start()
    yield made
    made.server.stop()


async def works(url: str, access: RedisAccess) -> None:
    redis = await open_redis(url, Limits(), turn_codec, access=access)
    try:
        await save(redis.handle(), fragment(1))
        await redis.handle().probe()
    finally:
        await redis.close()


async def refused(url: str, access: RedisAccess) -> StreamerError:
    with pytest.raises((ConfigurationError, TransientError)) as said:
        await works(url, access)
    assert SECRET not in str(said.value)
    assert "\n" not in str(said.value)
    return said.value


async def test_tls_with_the_ca_of_a_file(tls: TlsRedis, authority: Authority) -> None:
    await works(tls.url, RedisAccess(ca_file=authority.ca_file))
    await works(f"{tls.url}?ssl_ca_certs={authority.ca_file}", TLS_OFF)


async def test_tls_with_the_ca_of_the_system(
    tls: TlsRedis, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)  # where OpenSSL looks for the system's
    await works(tls.url, TLS_OFF)


@pytest.mark.parametrize("tls", [{"clients": "yes"}], indirect=True)
async def test_a_client_certificate_where_redis_asks_for_one(
    tls: TlsRedis, authority: Authority, stranger: Authority
) -> None:
    mine, foreign = authority.issue("streamer"), stranger.issue("somebody")
    ca_file = authority.ca_file
    await works(tls.url, RedisAccess(ca_file=ca_file, cert_file=mine.cert, key_file=mine.key))
    await works(tls.url, RedisAccess(ca_file=ca_file, cert_file=mine.both))
    assert "set redis.cert_file" in str(await refused(tls.url, RedisAccess(ca_file=ca_file)))
    said = str(await refused(tls.url, RedisAccess(ca_file=ca_file, cert_file=foreign.both)))
    assert "does not trust our certificate" in said or "certificate that it trusts" in said


async def test_a_ca_that_has_not_signed_is_a_sentence(tls: TlsRedis, stranger: Authority) -> None:
    for access in (TLS_OFF, RedisAccess(ca_file=stranger.ca_file)):
        error = await refused(tls.url, access)
        assert isinstance(error, ConfigurationError)
        assert "set redis.ca_file" in str(error)


@pytest.mark.parametrize("tls", [{"host": "redis.internal"}], indirect=True)
async def test_a_certificate_for_another_host_is_a_sentence(tls: TlsRedis, authority: Authority) -> None:
    access = RedisAccess(ca_file=authority.ca_file)
    assert "is for another host" in str(await refused(tls.url, access))
    await works(f"{tls.url}?ssl_check_hostname=false", access)


@pytest.mark.parametrize("tls", [{"expired": True}], indirect=True)
async def test_an_expired_certificate_is_waited_for(tls: TlsRedis, authority: Authority) -> None:
    error = await refused(tls.url, RedisAccess(ca_file=authority.ca_file))
    assert isinstance(error, TransientError), "the other side renews it, and nobody here has to do anything"
    assert "has expired: renew it" in str(error)


async def test_tls_to_a_port_without_and_the_reverse(tls: TlsRedis, authority: Authority) -> None:
    plain, access = tls.server.url, RedisAccess(ca_file=authority.ca_file)
    assert "does it speak TLS" in str(await refused(plain.replace("redis:", "rediss:"), access))
    assert "does not answer" in str(await refused(tls.url.replace("rediss:", "redis:"), TLS_OFF))


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (RedisAccess(ca_file="/nowhere.pem"), "redis.ca_file /nowhere.pem: No such file"),
        (RedisAccess(ca_file=__file__), "holds no certificate"),
        (RedisAccess(cert_file="/nowhere.pem"), "redis.cert_file /nowhere.pem: No such file"),
        (RedisAccess(cert_file=__file__), "do not belong together"),
    ],
)
async def test_a_file_that_is_none_is_named(access: RedisAccess, said: str) -> None:
    assert said in str(await refused("rediss://127.0.0.1:1/0", access))


async def test_passwords_and_users(tls: TlsRedis) -> None:
    plain = tls.server.url
    assert "wants a password" in str(await refused(plain, TLS_OFF))
    for credentials in (":wrong", "nobody:wrong", "default:wrong"):
        said = str(await refused(plain.replace("//", f"//{credentials}@"), TLS_OFF))
        assert "refused user or password" in said
        assert "wrong" not in said.replace("WRONGPASS", "")
    await works(re.sub("//", f"//:{SECRET}@", plain), TLS_OFF)


def documented() -> list[str]:
    """The rules of the least user, as docs/operations.md shows them."""
    text = (Path(__file__).parent.parent.parent / "docs" / "operations.md").read_text()
    found = re.search(r"ACL SETUSER streamer on '>…' (.*?)\n```", text, re.DOTALL)
    assert found is not None
    return found[1].split()


def as_user(server: RedisServer, rules: Iterable[str]) -> str:
    """A new user with these rules; how it reaches the server."""
    user = f"user{next(USERS)}"
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", user, "on", f">{SECRET}", *rules)
    return f"redis://{user}:{SECRET}@127.0.0.1:{server.port}/0"


async def test_the_documented_user_can_do_everything(redis_server: RedisServer) -> None:
    assert documented() == rules("st").split()
    url = as_user(redis_server, [rule.replace("~st:", "~twin") for rule in documented()])
    with redis_server.client() as client:
        client.acl_log_reset()
    for seed in (1_000, 1_001):
        await drive(seed, redis_server, url)
    redis = await open_redis(as_user(redis_server, documented()), Limits(), turn_codec)
    store = redis.handle()
    await store.tell_doing("spans", {TopicPartition("spans", 0): "fuse"})
    await store.set_paused(False)
    spending = RedisSpending(redis.shared.primary, usd_max=1, tokens_max=None)
    assert await spending.reserve("call", 0.5, 1, await store.time_ms() + 60_000)
    await spending.settle("call", 0.5, 1)
    now = Now(await store.time_ms(), {})
    await RedisReader(redis.shared).sessions(5, now)
    await LoadReader(redis.shared).load(now)
    async for _ in ledgers(redis.shared):
        pass
    await RedisReader(redis.shared).counts(0)
    await redis.purge()
    await redis.close()
    with redis_server.client() as client:
        refused = [entry for entry in client.acl_log() if "setinfo" not in str(entry)]
    assert not refused


@pytest.mark.parametrize("right", [rule for rule in rules("st").split() if rule[0] in "+~"])
async def test_one_right_less_is_named(redis_server: RedisServer, right: str) -> None:
    less = [rule for rule in documented() if rule != right]
    error = await refused(as_user(redis_server, less), TLS_OFF)
    assert isinstance(error, ConfigurationError)
    assert right.removeprefix("+").replace("st:", "<redis.key_prefix>:") in str(error)
    assert "Rights in Redis" in str(error)


async def test_every_right_is_needed_by_something() -> None:
    """A script or a plain command; nothing is asked for in advance."""
    package = Path(redis_sessions.__file__).parent
    said = "\n".join(file.read_text() for file in package.glob("*.py") if file.name != "rights.py")
    said += "\n".join(file.read_text() for file in (package.parent / "lua").glob("*.lua"))
    plain = [command for command in COMMANDS if "|" not in command]
    assert [command for command in plain if not re.search(f"[\"']{command.upper()}[\"']", said)] == []
    called = set(re.findall(r"call\('([A-Z]+)'", said)) | set(re.findall(r"\(\s*\"([A-Z]+)\", (?:[fk]|self)", said))
    assert {name.lower() for name in called} - set(COMMANDS) == set()
