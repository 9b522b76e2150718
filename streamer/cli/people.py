"""Commands that look or switch: config, schema, pause, resume, status, feed.

Rule: what a session said is printed only as plain text, never as markup; secrets are never printed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from streamer.app import people as app
from streamer.cli.configured import load, shown
from streamer.cli.figures import MEANING, at, readable
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.rules import show_rules
from streamer.cli.text import Text

if TYPE_CHECKING:
    from streamer.settings import Settings

T = TypeVar("T")
WIDTH_PIPED = 500
"""Whoever pipes a table wants each row on one line."""
console = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED)

config_cli = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The configuration in force. Example: streamer config show --origin",
)
feed_cli = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="The stream of verdicts. Example: streamer feed tail --last 5"
)


@config_cli.command("show")
def config_show(
    config: ConfigOption = None,
    origin: Annotated[bool, typer.Option("--origin", help="where each value comes from, and why it is so")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every setting with its value; secrets are starred. Example: streamer config show --origin"""
    settings = load(config)
    lines = shown(settings)
    if as_json:
        return print_json([line._asdict() for line in lines])
    table = Table("setting", "value", *(("origin", "reason") if origin else ()))
    for line in lines:
        table.add_row(*(Text(cell) for cell in (line if origin else line[:2])))
    console.print(table)
    show_rules(console, settings)
    return None


def schema(
    of: Annotated[
        Literal["feed", "alerts", "control"], typer.Argument(help="records of the feed, alerts, or control records")
    ] = "feed",
) -> None:
    """Print a JSON Schema. Example: streamer schema > assessments-v1.json"""
    name = {"feed": "assessments-v1.json", "alerts": "alerts-v1.json", "control": "control-v1.json"}[of]
    print((files("streamer") / "schema" / name).read_text())


def pause(config: ConfigOption = None) -> None:
    """No model call starts any more, on any worker, within a second; survives restarts. Example: streamer pause"""
    with_redis(load(config), lambda redis: redis.handle().set_paused(True))
    console.print("paused: ingest goes on, no model is called until `streamer resume`")


def resume(config: ConfigOption = None) -> None:
    """Take a pause back. Example: streamer resume"""
    with_redis(load(config), lambda redis: redis.handle().set_paused(False))
    console.print("resumed: what waited is due now")


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Watermark, what is open and due, spending, pause. Example: streamer status --json"""
    settings = load(config)
    said = with_redis(settings, lambda redis: app.status(redis, settings))
    if as_json:
        return print_json(said)
    table = Table("what", "value", "that is")
    for name, value in said.items():
        table.add_row(name, Text(readable(name, value)), MEANING.get(name.partition(".")[0], ""))
    console.print(table)
    return None


@feed_cli.command("tail")
def feed_tail(
    config: ConfigOption = None,
    last: Annotated[int, typer.Option("--last", help="begin with so many earlier records")] = 10,
    follow: Annotated[bool, typer.Option(help="go on until Ctrl-C")] = True,
    as_json: JsonOption = False,
) -> None:
    """Verdicts as they are published, without joining a group. Example: streamer feed tail --last 5 --no-follow"""
    for value in app.feed_records(load(config), last, follow):
        if as_json:
            print(json.dumps(value, ensure_ascii=False), flush=True)
        else:
            console.print(Text(_feed_line(value)))


# ---------------------------------------------------------------- how it looks


def print_json(value: object) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def with_redis(settings: Settings, ask: Callable[[Any], Awaitable[T]]) -> T:
    """What `ask` finds with a connection to Redis."""

    async def asking() -> T:
        async with app.redis_of(settings) as redis:
            return await ask(redis)

    return asyncio.run(asking())


def _feed_line(value: dict[str, Any]) -> str:
    session, judge = value["session"]["id"], value.get("judge", "")
    said = value.get("value", value.get("failure", {}).get("kind", "") if "failure" in value else "")
    return f"{at(value['published_at_ms'])}  {value['kind']:9} {session:30} {judge:28} {said}"
