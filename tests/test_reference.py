"""docs/reference says what the code says, since it is made of it."""

import pytest

from tools.reference import PAGES, WRITERS, commands


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (PAGES / f"{name}.md").read_text() == WRITERS[name](), "make reference"


def test_no_page_stands_there_that_nobody_writes() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(WRITERS)


def test_every_command_says_what_it_does_with_an_example() -> None:
    assert len(list(commands())) > 20
    assert [one.path for one in commands() if "Example: streamer" not in (one.command.help or "")] == []
