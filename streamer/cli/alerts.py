"""Commands about alerts: alerts list | mute | unmute | accept | send-test, and series."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from streamer.app import alerts as app
from streamer.app import people
from streamer.cli import alerts_testing
from streamer.cli.configured import ago_named, load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import console, print_json, with_redis
from streamer.cli.text import Text
from streamer.core.alerts.series import SeriesKey

if TYPE_CHECKING:
    from streamer.alert_ports import Remembered
    from streamer.core.alerts.counts import Shares
    from streamer.core.alerts.episode import Episode

EXIT_UNDELIVERED = 1

alerts_cli = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Alerts on spikes. Example: streamer alerts list"
)
WhatArgument = Annotated[str, typer.Argument(help="an episode's id or a rule's name, as `alerts list` shows them")]


@alerts_cli.command("list")
def list_(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="resolved ones, too")] = False,
) -> None:
    """Open episodes, and with --all those of the last 90 days. Example: streamer alerts list --all --json"""
    settings = load(config)
    found, muted_rules = with_redis(settings, app.episodes)
    shown = [one for one in found if everything or one.episode.state == "open"]
    if as_json:
        return print_json({"episodes": [_json(one) for one in shown], "muted_rules": muted_rules})
    table = Table("episode", "state", "severity", "series", "share", "usual", "raised (UTC)", "rule")
    for episode, _, _ in shown:
        row = (episode.id, _state(episode), episode.severity, SeriesKey.read(episode.series).title)
        shares = (f"{episode.share:.1%}", f"{episode.baseline:.1%}")
        table.add_row(*map(Text, (*row, *shares, at(episode.raised_at_ms), episode.rule)))
    console.print(
        table if shown else Text("no episode" if everything else "no open episode; --all shows resolved ones")
    )
    for rule, until_ms in muted_rules.items():
        console.print(Text(f"rule {rule} is muted until {at(until_ms)} UTC"))
    return None


alerts_cli.command("test")(alerts_testing.run_history)


@alerts_cli.command()
def mute(
    what: WhatArgument,
    for_: Annotated[str, typer.Option("--for", help="how long: 30m, 2h, 1d")] = "2h",
    config: ConfigOption = None,
) -> None:
    """Nothing of an episode, or of a rule, is told for a while. Example: streamer alerts mute RULE --for 2h"""
    settings, until_ms = load(config), people.now_ms() + ago_named("--for", for_)
    kind = with_redis(settings, lambda redis: app.mute(redis, settings, what, until_ms))
    console.print(Text(f"{kind} {what} is muted until {at(until_ms)} UTC; streamer alerts unmute {what}"))


@alerts_cli.command()
def unmute(what: WhatArgument, config: ConfigOption = None) -> None:
    """Take a mute back. What was not told meanwhile is not told later. Example: streamer alerts unmute RULE"""
    settings = load(config)
    kind = with_redis(settings, lambda redis: app.mute(redis, settings, what, 0))
    console.print(Text(f"{kind} {what} is told again"))


@alerts_cli.command()
def accept(episode: Annotated[str, typer.Argument(help="its id")], config: ConfigOption = None) -> None:
    """This is the new normal: the episode ends, and the usual share is learned anew from now on.

    Example: streamer alerts accept 1f0c9a2b44d0e3aa
    """
    settings = load(config)
    ended = with_redis(settings, lambda redis: app.accept(redis, settings, episode))
    console.print(Text(f"{ended.id}: {ended.share:.1%} is the new normal of {SeriesKey.read(ended.series).title}"))


@alerts_cli.command("send-test")
def send_test(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """A test alert, marked as one, to every channel; says what each answered. Example: streamer alerts send-test"""
    settings = load(config)
    answers = asyncio.run(app.send_test(settings))
    if as_json:
        print_json([answer._asdict() for answer in answers])
    else:
        table = Table("channel", "type", "", "it said")
        for answer in answers:
            table.add_row(Text(answer.channel), answer.type, "ok" if answer.ok else "failed", Text(answer.said))
        none = Text("there are no [[channels]]: alerts are only listed; add one to be told")
        console.print(table if answers else none)
    if not all(answer.ok for answer in answers):
        raise typer.Exit(EXIT_UNDELIVERED)


def series(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Shares of bad conversations per agent and version over 1 h, 24 h and 7 d, with 95 % interval.

    `if refused`: the share if none, and if all, of the refused conversations were bad. Example: streamer series --json
    """
    lines = with_redis(load(config), app.series_lines)
    if as_json:
        return print_json([_series_json(line) for line in lines])
    table = Table(
        "series", "1 h", "24 h", "7 d", "judged 7 d", "refused", "failed", "deferred", "if refused", "last (UTC)"
    )
    for line in lines:
        week = line.shares["7d"]
        counts = (week.judged, week.refused, week.failed, week.deferred)
        bounds = f"{week.bounds[0]:.1%} to {week.bounds[1]:.1%}" if week.refused else "–"
        shown = [_share(line.shares[window]) for window in ("1h", "24h", "7d")]
        table.add_row(Text(line.series.title), *shown, *(f"{n:,}" for n in counts), bounds, at(line.last_ms))
    console.print(table)
    return None


def _share(found: Shares) -> str:
    if found.share is None:
        return "–"
    low, high = found.interval
    return f"{found.share:.1%} ({low:.1%} to {high:.1%})"


def _series_json(line: app.SeriesLine) -> dict[str, Any]:
    return {
        "series": str(line.series),
        **line.series._asdict(),
        "first_ms": line.first_ms,
        "last_ms": line.last_ms,
        "shares": {window: found._asdict() for window, found in line.shares.items()},
    }


def _state(episode: Episode) -> str:
    return f"{episode.state}, muted" if episode.is_muted(people.now_ms()) else episode.state


def _json(kept: Remembered) -> dict[str, Any]:
    told = kept.notice.to_json() if kept.notice else None
    return {**kept.episode.to_json(), "told": told, "untold": kept.untold}
