"""Commands are there, described, and cost nothing before they are called."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import streamer
from streamer.cli import COMMANDS, cli
from streamer.cli.lazy import command_at

HEAVY = (
    "aiohttp",
    "confluent_kafka",
    "faust",
    "httpx",
    "litellm",
    "mlflow",
    "openai",
    "redis",
    "starlette",
    "streamer.loops",
)
HELP_OF_ALL = """
import sys
from typer.testing import CliRunner
from streamer.cli import COMMANDS, cli
for words in ([], *([name] for name in COMMANDS)):
    assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0, words
print(*sorted(sys.modules))
"""  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_the_table_says(name: str) -> None:
    command = command_at(name, COMMANDS[name])
    assert command.name == name
    assert command.help
    assert "Example: streamer" in command.help


def test_help_has_every_command_with_its_line() -> None:
    said = " ".join(CliRunner().invoke(cli, ["--help"], terminal_width=200).output.split())
    for name, place in COMMANDS.items():
        assert f"{name} {place.says}" in said


def test_no_help_page_imports_what_only_work_needs() -> None:
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "streamer.cli.people" in imported
    assert [name for name in imported if name.startswith(HEAVY)] == []


def test_a_typo_is_answered_with_what_was_meant() -> None:
    done = CliRunner().invoke(cli, ["statsu"])
    assert done.exit_code == 2
    assert "Did you mean 'status'" in done.output


def test_version_is_the_packages() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"streamer {streamer.__version__}\n"
