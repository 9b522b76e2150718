"""What the demo puts on the screen: one line per event, and facts that are checked as they are stated."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)


class FalseStatementError(Exception):
    """The demo said something that did not hold."""


def say(text: str = "", style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def state(fact: str, holds: bool) -> None:
    """A fact, checked: the demo ends with an error where it is false."""
    say(f"  {'✓' if holds else '✗'} {fact}", "green" if holds else "bold red")
    if not holds:
        raise FalseStatementError(fact)


def show(table: Table) -> None:
    console.print(table)
