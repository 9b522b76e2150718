"""What the documents tell people to type is understood: every command, option and value; every mark has a reason."""

from typing import Any

import pytest
import typer
from typer._click.exceptions import BadOptionUsage, BadParameter, ClickException, MissingParameter, NoArgsIsHelpError

from streamer.cli import cli
from tests.docs.blocks import PAGES, REASON_CHARS_MIN, ROOT, Command, blocks, commands, mentions
from tests.docs.test_running import GUIDES, TUTORIAL

BLOCKS = blocks()
COMMANDS = [command for block in BLOCKS for command in commands(block)]
IN_PROSE = ("docs/tutorial.md", "README.md")


def test_the_documents_hold_commands() -> None:
    assert len(PAGES) > 15
    assert len(COMMANDS) > 40
    assert {block.page for block in BLOCKS} >= set(IN_PROSE)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: f"{one.page}:{one.line} {' '.join(one.words)[:60]}")
def test_a_command_of_the_documents_is_understood(command: Command) -> None:
    parsed(list(command.words))


def test_a_command_that_the_text_mentions_is_there_with_its_options() -> None:
    """It may leave out what it takes: `streamer explain` is a name."""
    said = mentions()
    assert len(said) > 100
    wrong = {f"{one.page}:{one.line} streamer {' '.join(one.words)}": why for one in said if (why := _refused(one))}
    assert not wrong


def _refused(mention: Command) -> str:
    """What is wrong with it; a capital stands for a value that a reader puts in."""
    try:
        parsed(list(mention.words))
    except (MissingParameter, NoArgsIsHelpError):
        return ""
    except BadOptionUsage as error:
        return "" if "requires an argument" in str(error) else str(error)
    except BadParameter as error:
        return "" if any(word.isupper() for word in mention.words) else str(error)
    except ClickException as error:
        return str(error)
    return ""


@pytest.mark.parametrize("words", [["nonsense"], ["status", "--loud"], ["run", "--for", "soon"], ["explain"]])
def test_what_is_not_understood_would_be_found(words: list[str]) -> None:
    with pytest.raises(ClickException):
        parsed(words)


def test_a_block_that_is_not_run_says_why() -> None:
    silent = [
        f"{one.page}:{one.line}" for one in BLOCKS if one.not_run is not None and len(one.not_run) < REASON_CHARS_MIN
    ]
    assert not silent, f"give a reason of a few words: <!-- not run: … -->: {silent}"


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = (ROOT / "docs" / "README.md").read_text()
    missing = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:] if page.name != "README.md"]
    missing = [name for name in missing if f"({name})" not in contents]
    assert not missing, f"add a line to docs/README.md: {missing}"


def test_every_block_that_is_run_belongs_to_a_page_that_is_run() -> None:
    """A new page with commands is added to those that are run, or its blocks are marked."""
    loose = {one.page for one in BLOCKS if one.not_run is None} - {TUTORIAL, *GUIDES}
    assert not loose, f"add to GUIDES of tests/docs/test_running.py, or mark the blocks: {sorted(loose)}"


def parsed(words: list[str]) -> None:
    """As the command line reads them, without calling anything."""
    group: Any = typer.main.get_command(cli)
    if words in (["--version"], ["--help"]):  # which are answered before anything else is read
        return
    context = group.make_context("streamer", words, resilient_parsing=False)
    while hasattr(group, "resolve_command") and (context._protected_args or context.args):
        rest = [*context._protected_args, *context.args]
        name, command, left = group.resolve_command(context, rest)
        assert command is not None
        group, context = command, command.make_context(name, left, parent=context)
