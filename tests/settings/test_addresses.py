"""An address that nothing could ever connect to is a sentence at the start, and no password is in it."""

from pathlib import Path

import pytest

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.kafka.source import KafkaSource, SourceSettings
from streamer.adapters.litellm_model import check_provider
from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.core.reading import NOW
from streamer.core.redis_url import Address, read_url
from streamer.errors import ConfigurationError
from tests.settings.conftest import Given

CANARY = "geheim"


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("redis", "url", f"redis://:{CANARY}@host:99999999/0", "its port is not between 0 and 65535"),
        ("redis", "url", f"redis://:{CANARY}@host:6379/abc", "must end with the number of a database"),
        ("redis", "url", f"http://:{CANARY}@host", "must begin with redis://"),
        ("redis", "url", "host:6379", "must begin with redis://"),
        ("redis", "url", f"redis://:{CANARY}@[::1", "its host cannot be read"),
        ("redis", "url", f"redis+sentinel://:{CANARY}@one,two:26379", "must name the service"),
        ("redis", "url", f"redis+sentinel://:{CANARY}@one:0x/mymaster", "its port is not between"),
        ("redis", "url", f"redis+cluster://:{CANARY}@one,two/1", "names a database, and a cluster has none but 0"),
        ("redis", "url", f"redis://:{CANARY}@one,two/0", "names several hosts"),
        ("redis", "url", f"redis://one/0?{CANARY}=1", "has 1 unknown options"),
        ("mlflow", "tracking_uri", f"http://{CANARY}@[::1", "its host cannot be read"),
        ("mlflow", "tracking_uri", f"http://u:{CANARY}@host:70000", "its port is not between"),
        ("mlflow", "tracking_uri", "sqlite:///mlflow.db", "must be the URL of an MLflow server"),
        ("mlflow", "tracking_uri", "databricks", "must be the URL of an MLflow server"),
        ("mlflow", "token", f"{CANARY}ü", "printable ASCII"),
        ("mlflow", "token", f"{CANARY}\\n", "printable ASCII"),
        ("mlflow", "token", "", "printable ASCII"),
        ("mlflow", "workspace", f"{CANARY}ü", "printable ASCII"),
        ("mlflow", "workspace", f"{CANARY}\\nX: y", "printable ASCII"),
    ],
)
def test_an_odd_address_is_refused(given: Given, table: str, key: str, value: str, said: str) -> None:
    error = given.refused(f'[{table}]\n{key} = "{value}"\n')
    assert error.startswith(f"{table}.{key} (streamer.toml:2) ")
    assert said in error
    assert CANARY not in error


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://u:p%40@h:1/15",
        "rediss://h:6380/",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://u:p%40@one,[::1]:26380/mymaster/3",
        "rediss+cluster://:p@one:7000,two:7000?ssl_check_hostname=false",
    ],
)
def test_what_redis_clients_take_is_taken(given: Given, url: str) -> None:
    assert given.loads(f'[redis]\nurl = "{url}"\n').redis.url.get_secret_value() == url


def test_an_url_of_redis_is_read_as_it_is_meant() -> None:
    said = read_url("rediss+sentinel://u:p%40%2F@one,[::1]:26380/mymaster/3")
    assert (said.kind, said.tls, said.service, said.db) == ("sentinel", True, "mymaster", 3)
    assert (said.user, said.password) == ("u", "p@/")
    assert said.hosts == (Address("one", 26379), Address("::1", 26380))
    assert read_url("redis://h?username=u&password=p&db=2")[4:7] == (2, "u", "p")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('url = "redis://h"\nca_file = "ca.pem"', "redis.ca_file (streamer.toml:3) is for TLS"),
        ('url = "rediss://h"\nkey_file = "key.pem"', "redis.key_file (streamer.toml:3) is the key of no certificate"),
        ('url = "redis://h"\nsentinel_user = "s"', "redis.sentinel_user (streamer.toml:3) is for Sentinels"),
    ],
)
def test_what_would_be_ignored_is_refused(given: Given, table: str, said: str) -> None:
    assert said in given.refused(f"[redis]\n{table}\n")


@pytest.mark.parametrize("pattern", ["^(?!a)b.*$", r"^\\d+$", "^a.*?$"])
def test_a_pattern_that_only_python_knows_is_refused(given: Given, pattern: str) -> None:
    assert "which Kafka's client does not know" in given.refused(f'[[sources]]\ntopics = ["{pattern}"]\n')


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "openai:gpt", "openai:/", "openai:/a b", "openai:/a\\u0000b", ":/x"])
def test_a_model_is_spelled_as_in_mlflow(given: Given, model: str) -> None:
    said = given.refused(f'[[judges]]\ntype = "user_frustration"\nmodel = "{model}"\n')
    assert "must be spelled <provider>:/<model>" in said


def test_a_provider_that_nobody_knows_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no provider is called 'opnai'; did you mean openai\?"):
        check_provider("opnai:/gpt-4.1-mini")
    check_provider("anthropic:/claude-sonnet-4")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"foo.bar": "x"}, "does not know foo.bar"),
        ({"security.protocol": CANARY}, "does not take the value of security.protocol"),
        ({"ssl.key.pem": CANARY, "security.protocol": "ssl"}, "does not take the value of ssl.key.pem"),
    ],
)
def test_an_option_that_librdkafka_refuses_is_named(options: dict[str, str], said: str) -> None:
    connection = {"bootstrap.servers": "127.0.0.1:9", **options}
    source = SourceSettings(connection=connection, group="g", topics=("t",), start=NOW, gap="stop")
    for made in (lambda: KafkaPublisher(connection, "feed"), lambda: KafkaSource(source)):
        with pytest.raises(ConfigurationError, match=said) as error:
            made()
        assert CANARY not in str(error.value)


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "ca.pem"
    garbage.write_text("no certificate")
    for file, said in ((str(garbage), "holds no certificate"), ("/nowhere/ca.pem", "No such file")):
        with pytest.raises(ConfigurationError, match=said):
            MlflowAssessments(MlflowAccess(url="https://m", ca_file=file))
