"""Commands that are refused before anything is asked, and the table of `config show`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.errors import ConfigurationError


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "streamer.toml"
    file.write_text('[redis]\nurl = "redis://user:C4nary@127.0.0.1:1/3"\n')
    return str(file)


def test_an_unknown_state_is_refused_with_the_known_ones(config: str) -> None:
    done = CliRunner().invoke(cli, ["sessions", "--state", "foo", "-c", config])
    assert done.exit_code == 2
    for state in ("open", "waiting", "leased", "rest"):
        assert state in done.output


def test_help_explains_the_states() -> None:
    said = " ".join(CliRunner().invoke(cli, ["sessions", "--help"]).output.split())
    assert "leased: a worker has it" in said


def test_an_unknown_source_is_refused_with_the_known_ones(config: str) -> None:
    done = CliRunner().invoke(cli, ["explain", "chat-1", "--source", "nope", "-c", config])
    assert isinstance(done.exception, ConfigurationError)
    assert "known are default" in str(done.exception)


def test_config_show_says_durations_in_their_units_and_where_redis_is(config: str) -> None:
    said = CliRunner().invoke(cli, ["config", "show", "-c", config]).output
    assert "900000 (15 min)" in said
    assert "redis://******@127.0.0.1:1/3" in said
    assert "C4nary" not in said


@pytest.mark.parametrize("words", [[], ["config", "show"], ["feed", "tail"]])
def test_every_command_has_an_example(words: list[str]) -> None:
    commands = ["run", "ingest", "judge", "check", "explain", "sessions", "status", "pause", "resume", "schema"]
    commands.append("end-session")
    for command in [words] if words else [[name] for name in commands]:
        assert f"streamer {' '.join(command)}" in CliRunner().invoke(cli, [*command, "--help"]).output
