"""`streamer check`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from streamer.app import checking
from streamer.cli.configured import load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text

if TYPE_CHECKING:
    from streamer.app.finding import Finding

console = Console()
SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def check(
    config: ConfigOption = None,
    last: Annotated[int, typer.Option("--last", help="how many records of each topic are looked at")] = 200,
    as_json: JsonOption = False,
) -> None:
    """Reach every service, sample the topic, and say what is missing with the line to add. Changes nothing.

    Example: streamer check --last 1000
    """
    settings = load(config)
    found: list[Finding] = []

    async def look() -> None:
        async for finding in checking.findings(settings, last):
            found.append(finding)
            if not as_json:
                show(finding)

    asyncio.run(look())
    if as_json:
        print_json([finding._asdict() for finding in found])
    raise typer.Exit(int(any(finding.state == "fail" for finding in found)))


def show(finding: Finding) -> None:
    sign, style = SIGNS[finding.state]
    console.print(Text(f"{sign} {finding.step}: {finding.said}", style=style))
    if finding.remedy:
        console.print(Text(f"    → {finding.remedy}"))
