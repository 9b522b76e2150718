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
    "stringzilla",
    "zstandard",
    "google.protobuf",
    "pygments",
    "rich.markdown",
    "streamer.core.wire.cut",
    "streamer.core.preview",
    "streamer.loops",
    "streamer.settings.tables",
)
"""The last of each chain: where it is not imported, what it needs is not either."""
HELP_OF_ALL = """
import sys
from typer.testing import CliRunner
from streamer.cli import COMMANDS, cli
from streamer.cli.lazy import command_at
before = set()
for name, place in COMMANDS.items():
    for words in ([name], *([name, sub] for sub in getattr(command_at(name, place), "commands", ()))):
        assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0, words
        print(*words, *sorted(set(sys.modules) - before), sep=",")
        before = set(sys.modules)
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
    pages = [line.split(",") for line in done.stdout.splitlines()]
    assert ["dlq", "replay"] in [page[:2] for page in pages]
    assert "streamer.cli.people" in {name for page in pages for name in page}
    assert [(page[0], name) for page in pages for name in page if name.startswith(HEAVY)] == []


def test_a_typo_is_answered_with_what_was_meant() -> None:
    done = CliRunner().invoke(cli, ["statsu"])
    assert done.exit_code == 2
    assert "Did you mean 'status'" in done.output


def test_version_is_the_packages() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"streamer {streamer.__version__}\n"
