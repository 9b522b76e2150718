"""The environment over the file: lists, options, secrets from files, and variables that nobody knows."""

from pathlib import Path

import pytest

from tests.settings.conftest import Given

IDS = "STREAMER_MLFLOW__EXPERIMENT_IDS"


@pytest.mark.parametrize("text", ["1,2", " 1 , 2 ,", '["1", "2"]', "[1, 2]"])
def test_a_list_is_written_with_commas_or_as_json(given: Given, text: str) -> None:
    settings = given.loads("", {IDS: text})
    assert settings.mlflow.experiment_ids == ("1", "2")
    assert settings.origin("mlflow.experiment_ids") == IDS


def test_an_empty_list_is_empty(given: Given) -> None:
    assert given.loads('[mlflow]\nexperiment_ids = ["7"]', {IDS: ""}).mlflow.experiment_ids == ()


@pytest.mark.parametrize("text", ["[1, 2", "[" * 100_000, "[[1]]", "[true]"])
def test_a_broken_list_is_a_sentence_with_the_variable(given: Given, text: str) -> None:
    assert IDS in given.refused("", {IDS: text})


@pytest.mark.parametrize("name", ["STREAMER_SOURCES__TOPICS", "STREAMER_JUDGES__MODEL", "STREAMER_RULES__TENANT"])
def test_a_list_of_tables_can_only_be_set_in_the_file(given: Given, name: str) -> None:
    table = name.split("_")[1].lower()
    assert given.refused("", {name: "x"}) == f"{name}: {table} is a list of tables and can only be set in the file"


def test_options_of_the_environment_join_those_of_the_file(given: Given) -> None:
    name = "STREAMER_KAFKA__OPTIONS"
    text = '[kafka]\noptions = { "sasl.mechanism" = "PLAIN", "sasl.password" = "old" }'
    settings = given.loads(text, {name: '{"sasl.password": "new", "socket.timeout.ms": 5, "log.queue": true}'})
    assert settings.kafka.connection() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "sasl.mechanism": "PLAIN",
        "sasl.password": "new",
        "socket.timeout.ms": 5,
        "log.queue": True,
    }
    assert settings.origin("kafka.options") == f"streamer.toml:2, {name}"
    assert settings.origin("kafka.options.sasl.password") == name
    assert settings.origin("kafka.options.sasl.mechanism") == "streamer.toml:2"


def test_longer_names_win_over_the_three_plain_ones(given: Given) -> None:
    settings = given.loads("", {"STREAMER_KAFKA__BOOTSTRAP": "b:1", "KAFKA": "a:1", "REDIS_URL": "redis://r"})
    assert settings.kafka.bootstrap == "b:1"
    assert settings.redis.url.get_secret_value() == "redis://r"
    assert settings.origin("redis.url") == "REDIS_URL"


def test_a_secret_is_read_from_a_file(given: Given, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k\n")
    settings = given.loads("", {"STREAMER_MLFLOW__TOKEN_FILE": str(tmp_path / "token")})
    assert settings.mlflow.token is not None
    assert settings.mlflow.token.get_secret_value() == "t0k"
    assert given.loads("", {"STREAMER_MLFLOW__CA_FILE": "/ca.pem"}).mlflow.ca_file == "/ca.pem"


@pytest.mark.parametrize("path", ["/nowhere/s3cret", "/", "nul\0s3cret"])
def test_a_secret_in_place_of_its_files_path_is_not_repeated(given: Given, path: str) -> None:
    said = given.refused("", {"STREAMER_MLFLOW__TOKEN_FILE": path})
    assert said.startswith("STREAMER_MLFLOW__TOKEN_FILE: the file it names cannot be read")
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("STREAMER_KAFKKA__GROUP", "did you mean kafka?"),
        ("STREAMER_KAFKA__GRUOP", "did you mean STREAMER_KAFKA__GROUP?"),
        ("STREAMER_MLFLOW__TOKN_FILE", "did you mean STREAMER_MLFLOW__TOKEN_FILE?"),
        ("STREAMER_FOO__BAR", "known are kafka, sources"),
        ("STREAMER_HTTP__TRACKING_URI", "did you mean mlflow.tracking_uri?"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_known_one(given: Given, name: str, near: str) -> None:
    said = given.refused("", {name: "s3cret"})
    assert said.startswith(f"{name}: ")
    assert near in said
    assert "s3cret" not in said


def test_all_unknown_variables_are_told_at_once(given: Given) -> None:
    assert len(given.refused("", {"STREAMER_A__B": "", "STREAMER_C__D": ""}).split("\n")) == 2


def test_a_wrong_value_names_its_variable(given: Given) -> None:
    said = given.refused("", {"STREAMER_SESSIONS__IDLE_GAP_MS": "soon"})
    assert said.startswith("sessions.idle_gap_ms (STREAMER_SESSIONS__IDLE_GAP_MS) is no duration; write")


def test_two_variables_for_one_setting_are_refused(given: Given) -> None:
    env = {"STREAMER_MLFLOW__TOKEN": "a", "STREAMER_MLFLOW__TOKEN_FILE": "/dev/null"}
    said = "STREAMER_MLFLOW__TOKEN and STREAMER_MLFLOW__TOKEN_FILE say the same setting; unset one of them"
    assert given.refused("", env) == said


def test_what_kubernetes_puts_beside_a_service_called_streamer_is_not_ours(given: Given) -> None:
    env = {"STREAMER_SERVICE_HOST": "10.0.0.1", "STREAMER_PORT_9464_TCP": "tcp://10.0.0.1:9464", "STREAMER_PORT": "x"}
    assert given.loads("", env) == given.loads("")
