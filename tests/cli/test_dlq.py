"""`streamer dlq` where nothing is there yet, and mistakes; the whole of it is in tests/integration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.embedded import stand_ins
from streamer.errors import ConfigurationError, StreamerError


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, address = stand_ins.kafka(tmp_path_factory.mktemp("mock"), {"chats": 1, "empty": 1, "empty.dlq": 1})
    yield address
    program.stop()


@pytest.fixture
def config(bootstrap: str, tmp_path: Path) -> str:
    file = tmp_path / "streamer.toml"
    file.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n[[sources]]\ntopics = ["chats", "empty"]\n')
    return str(file)


def run(config: str, *words: str) -> str:
    result = CliRunner().invoke(cli, ["dlq", *words, "-c", config])
    if isinstance(result.exception, StreamerError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", ["list", "replay"])
def test_without_its_topic_there_are_no_dead_letters_yet(config: str, command: str) -> None:
    said = run(config, command, "--topic", "chats")
    assert said == "no dead letters yet: none of the sources' dead-letter topics exists\n"


def test_an_empty_topic_has_none(config: str) -> None:
    assert run(config, "list") == "no dead letters in empty.dlq\n"
    assert "0 dead letters" in run(config, "replay")
    assert '"totals": {}' in run(config, "list", "--json")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--topic", "other"), "--topic other: no source reads it; known are chats, empty"),
        (("list", "--since", "soon"), "--since is no duration"),
        (("show", "chats"), "chats is no place; write TOPIC/PARTITION/OFFSET"),
        (("show", "other/0/1"), "no source reads it"),
        (("show", "chats/0/1"), "no dead letter of chats/0/1 is there"),
    ],
)
def test_a_mistake_is_one_sentence(config: str, words: tuple[str, ...], said: str) -> None:
    with pytest.raises((ConfigurationError, StreamerError), match=said):
        run(config, *words)


def test_an_unknown_reason_is_refused_with_the_known_ones(config: str) -> None:
    done = CliRunner().invoke(cli, ["dlq", "list", "--reason", "odd", "-c", config])
    assert done.exit_code == 2
    assert "unreadable" in done.output


@pytest.mark.parametrize("command", ["list", "show", "replay"])
def test_every_command_has_an_example(command: str) -> None:
    assert f"streamer dlq {command}" in CliRunner().invoke(cli, ["dlq", command, "--help"]).output
