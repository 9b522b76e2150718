"""A canary in every secret is never seen again, except by who needs the plain value."""

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from streamer.errors import ConfigurationError
from streamer.settings import load, shown, without_credentials
from streamer.settings.known import LISTS, TABLES
from streamer.settings.reading import Kafka
from streamer.settings.tables import Settings
from tests.settings.conftest import Given

CANARY = "C4nary"
OPTIONS = (
    "sasl.password",
    "sasl.username",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "an.option.of.tomorrow",
)
SECRETS = (
    *(("kafka", f'options = {{ "{name}" = "{CANARY}" }}') for name in OPTIONS),
    ("kafka", f'bootstrap = "user:{CANARY}@host:9092"'),
    ("redis", f'url = "redis://user:{CANARY}@host:6379/0"'),
    ("redis", f'url = "redis://host?password={CANARY}"'),
    ("redis", f'url = "redis+sentinel://user:{CANARY}@one,two/mymaster"\nsentinel_password = "{CANARY}"'),
    ("mlflow", f'tracking_uri = "https://user:{CANARY}@host/p"'),
    ("mlflow", f'tracking_uri = "https://user:/{CANARY}@@host/p"'),
    ("mlflow", f'tracking_uri = "https://host/p?token={CANARY}"'),
    ("mlflow", f'token = "{CANARY}"'),
    ("mlflow", f'user = "a"\npassword = "{CANARY}"'),
    ("[judges]", f'type = "user_frustration"\nparameters = {{ api_key = "{CANARY}", max_tokens = 9 }}'),
)
NEIGHBOURS = (
    "[sessions]\nsettle_ms = true\nidle_gap_ms = []",
    "[kafka]\ngroup = 1",
    "[mlflow]\nnamespace = {}\ntokn = 1",
    "[redis]\nkey_prefix = '{'",
    "[[judges]]\ntype = 'make_judge'\nlabels = [1, 1]",
    "[sessions]\nreturn_ms = 1",
    "nothing = 1",
    "[broken",
)


def refusal(file: Path, env: dict[str, str]) -> str:
    """All that would be printed if nobody caught it; empty if nothing is wrong."""
    try:
        load(file, env)
    except ConfigurationError as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.mark.parametrize(("table", "line"), SECRETS)
def test_a_secret_is_in_no_repr_and_in_no_listing(given: Given, table: str, line: str) -> None:
    settings = given.loads(f"[{table}]\n{line}\n")
    for seen in (repr(settings), str(settings), f"{settings.kafka.options}", repr(shown(settings))):
        assert CANARY not in seen
    assert "max_tokens" not in line or "'max_tokens': 9" in repr(shown(settings))


@pytest.mark.parametrize(("table", "line"), SECRETS)
@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_a_secret_is_in_no_error_of_a_neighbour(given: Given, table: str, line: str, neighbour: str) -> None:
    inside = neighbour.removeprefix(f"[{table}]") if neighbour.startswith(f"[{table}]") else f"\n{neighbour}"
    said = given.refused(f"[{table}]\n{line}{inside}\n")
    assert CANARY not in said


@pytest.mark.parametrize(
    "wrong", [f'"{CANARY}"', f'["{CANARY}"]', f'{{ a = "{CANARY}" }}', f'[{{ "x" = ["{CANARY}"] }}]', f'"^({CANARY}"']
)
def test_a_secret_in_the_place_of_any_setting_is_in_no_error(tmp_path: Path, wrong: str) -> None:
    file, refused = tmp_path / "streamer.toml", 0
    for table, entry in TABLES.items():
        header = f"[[{table}]]" if table in LISTS else f"[{table}]"
        for line in (f"{table} = {wrong}", *(f"{header}\n{key} = {wrong}" for key in entry.model_fields)):
            file.write_text(line)
            said = refusal(file, {})
            refused += bool(said)
            assert CANARY not in said
    assert refused > 50


@pytest.mark.parametrize("name", [f"STREAMER_{t}__{k}".upper() for t, e in TABLES.items() for k in e.model_fields])
def test_a_secret_in_any_variable_is_in_no_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    for value in (CANARY, f"[{CANARY}", f'{{"{CANARY}', f'["{CANARY}", [1]]'):
        for variable in (name, f"{name}_FILE"):
            assert CANARY not in refusal(tmp_path / "empty.toml", {variable: value})


def test_pydantics_own_errors_hide_what_was_given() -> None:
    for values in ({"options": {"sasl.password": [CANARY]}}, {"group": [CANARY]}, {"option": CANARY}):
        with pytest.raises(ValidationError) as caught:
            Settings.model_validate({"kafka": values})
        assert CANARY not in str(caught.value)


def test_librdkafka_is_given_the_plain_values() -> None:
    kafka = Kafka.model_validate({"options": {"sasl.password": CANARY, "enable.x": True, "a.ms": 1}})
    assert kafka.connection() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "sasl.password": CANARY,
        "enable.x": True,
        "a.ms": 1,
    }
    assert type(kafka.connection()["enable.x"]) is bool


def test_harmless_options_are_shown(given: Given) -> None:
    text = '[kafka.options]\n"security.protocol" = "SASL_SSL"\n"socket.timeout.ms" = 5\n"ssl.ca.location" = "/ca"'
    said = "{'security.protocol': 'SASL_SSL', 'socket.timeout.ms': 5, 'ssl.ca.location': '/ca'}"
    assert next(line.value for line in shown(given.loads(text)) if line.setting == "kafka.options") == said


def test_an_option_without_quotes_is_told_how_to_write_it(given: Given) -> None:
    said = given.refused("[kafka.options]\nsasl.mechanism = 'PLAIN'")
    assert said.startswith("kafka.options.sasl (streamer.toml:2) is a table; write the whole name in quotes")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("host:9092,other:9092", "host:9092,other:9092"),
        ("u:p@host:9092,v:q@other:9092", "******@other:9092"),
        ("SASL_SSL://u:p@host:1", "SASL_SSL://******@host:1"),
        ("http://host:5000/p", "http://host:5000/p"),
        ("http://u:p?q@host/p?a=b@c", "http://******@c"),
        ("http://host/p?a=b", "http://host/p?******"),
    ],
)
def test_an_address_is_shown_without_credentials(address: str, said: str) -> None:
    assert without_credentials(address) == said
