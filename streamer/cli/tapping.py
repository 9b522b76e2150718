"""`streamer tap`: decisions as they are made, one line each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.app import tapping as app
from streamer.cli.configured import load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption
from streamer.cli.people import console
from streamer.cli.story import CLOSED_BY
from streamer.cli.text import Text
from streamer.core.claim_log import Decision
from streamer.core.words import counted, lasting, priced

if TYPE_CHECKING:
    from streamer.settings import Settings


def tap(
    session: Annotated[str | None, typer.Option("--session", "-s", help="only this one: its id, or its key")] = None,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=1, help="stop after so many")] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line, for machines")] = False,
) -> None:
    """What is decided of sessions while it happens, until Ctrl-C: grew, claimed, answered, completed …

    Best effort: workers write it only while somebody listens, and nothing waits for it; what a session said is never
    in it. Example: streamer tap --session chat-4711
    """
    asyncio.run(_tell(load(config), session, lines, as_json))


async def _tell(settings: Settings, session: str | None, lines: int | None, as_json: bool) -> None:
    async for line in app.decisions(settings, session, lines):
        if as_json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        else:
            console.print(Text(f"{at(int(line['at']))}  {line['session']:30} {line['what']:9} {_detail(line)}"))


def _detail(line: Mapping[str, str]) -> str:
    tell = DETAILS.get(line["what"])
    return tell(line) if tell else ""


def _claimed(line: Mapping[str, str]) -> str:
    cut = ", the claim before had not come back" if line["interrupted"] == "1" else ""
    return f"{line['due']}, version {line['version']}{cut}"


def _answered(line: Mapping[str, str]) -> str:
    usd = int(line["usd_micros"]) / 1e6 if line["usd_micros"] else None
    return f"{counted(int(line['tokens']), 'token')}, {priced(usd)}"


def _completed(line: Mapping[str, str]) -> str:
    decisions = [Decision(*said) for said in json.loads(line["judges"])]
    said = ", ".join(f"{d.judge} {d.state}{f' ({d.why})' if d.why else ''} r{d.revision}" for d in decisions)
    return f"closed by {CLOSED_BY.get(line['reason'], line['reason'])}: {said}"


DETAILS: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "grew": lambda line: f"version {line['version']}, {counted(int(line['traces']), 'trace')}",
    "claimed": _claimed,
    "released": lambda line: f"not closed yet, may close at {at(int(line['closes_ms']))} (record time)",
    "put_back": lambda line: f"given up, due again in {lasting(int(line['in_ms']))}",
    "answered": _answered,
    "writing": lambda line: counted(int(line["rows"]), "row"),
    "completed": _completed,
}
"""By what was decided; the others say enough by their name."""
