"""`streamer alerts test`."""

from __future__ import annotations

import json
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streamer.app import alert_choosing, people
from streamer.app import alert_testing as app
from streamer.cli.configured import ago_named, load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import console, print_json
from streamer.cli.text import Text
from streamer.core.alerts.series import SeriesKey
from streamer.core.words import counted, lasting
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamer.app.alert_testing import Line, Tested
    from streamer.core.alerts.episode import Episode
    from streamer.core.alerts.rule import AlertRule
    from streamer.settings import Settings

MEMORY_HINT = "as `streamer feed tail --json` prints it; .gz, or - for standard input"


def run_history(
    feed: Annotated[Path | None, typer.Option("--feed", "-f", help=f"a file, {MEMORY_HINT}")] = None,
    since: Annotated[str | None, typer.Option("--since", help="the feed's topic, so far back: 7d")] = None,
    mlflow: Annotated[str | None, typer.Option("--mlflow", help="verdicts in this experiment of MLflow")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            "-r",
            help="a name, or judge=…,labels=a|b,kind=spike as an alerts table has; several are compared; default: all",
        ),
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="draw shares and episodes into this file")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """When rules would have raised, and resolved, on a history: choose a limit before it wakes anybody. Writes nothing.

    Example: streamer alerts test --since 28d --rule judge=user_frustration,labels=unresolved,kind=limit,limit=0.2
    """
    settings = load(config)
    names, inline = _rules(rule or [])
    with _progress(quiet=as_json or feed is None) as progress:
        lines = _lines(settings, feed, since, mlflow, progress)
        tested = app.tested(lines, lambda judges: alert_choosing.rules_for(settings, names, judges, inline))
    if png is not None:
        from streamer.cli import alerts_plot

        alerts_plot.draw(tested, png)
    if as_json:
        _warn(tested)
        return print_json(_as_json(tested))
    _show(tested, settings)
    return None


def _lines(
    settings: Settings, feed: Path | None, since: str | None, mlflow: str | None, progress: Progress
) -> Iterator[Line]:
    if sum(one is not None for one in (feed, since, mlflow)) != 1:
        raise ConfigurationError("say one of --feed FILE, --since 7d and --mlflow EXPERIMENT: where the history is")
    if feed is not None:
        size = feed.stat().st_size if feed.is_file() and feed.suffix != ".gz" else None
        task = progress.add_task(f"reading {feed.name}", total=size)
        return app.lines_of(feed, lambda n: progress.advance(task, n))
    if since is not None:
        return app.lines_since(settings, people.now_ms() - ago_named("--since", since))
    return app.lines_in_mlflow(settings, mlflow or "")


def _progress(*, quiet: bool) -> Progress:
    """A bar on the terminal, where a file is read for people."""
    return Progress(console=Console(stderr=True), transient=True, disable=quiet)


# ---------------------------------------------------------------- rules


def _rules(given: Iterable[str]) -> tuple[list[str], list[AlertRule]]:
    """Names of configured rules, and rules that are written out."""
    names, inline = [], []
    for text in given:
        if "=" in text:
            inline.append(_inline(text))
        else:
            names.append(text)
    return names, inline


def _inline(text: str) -> AlertRule:
    """`judge=user_frustration,labels=unresolved|resolved,kind=spike`, or the inside of a TOML table."""
    from pydantic import ValidationError

    from streamer.settings.alerts import AlertTable
    from streamer.settings.explaining import explained

    try:
        given = tomllib.loads(f"rule = {{{text}}}")["rule"]
    except tomllib.TOMLDecodeError:
        given = dict(_pair(part, text) for part in text.split(","))
    try:
        return AlertTable.model_validate(given).rule(())
    except ValidationError as error:
        wrong = [{**one, "loc": ("alerts", *one["loc"])} for one in error.errors(include_url=False)]
        said = "; ".join(explained(one, {}).removeprefix("alerts").lstrip(". ") for one in wrong)
        raise ConfigurationError(f"--rule {text}: {said}") from None


def _pair(part: str, whole: str) -> tuple[str, Any]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals:
        raise ConfigurationError(f"--rule {whole}: write key=value pairs with commas between, several labels as a|b")
    if key == "labels":
        return key, tuple(value.split("|"))
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


# ---------------------------------------------------------------- how it looks


def _as_json(tested: Tested) -> dict[str, Any]:
    delay = tested.delay()
    return {
        "episodes": [
            {
                "rule": one.rule,
                "series": one.series,
                "raised_at": _iso(one.raised_at_ms),
                "resolved_at": None if one.resolved_at_ms is None else _iso(one.resolved_at_ms),
                "conversations_since_change": one.conversations,
                "share": one.share,
                "baseline": one.baseline,
            }
            for one in tested.episodes
        ],
        "false_alarms_per_day": tested.false_alarms_per_day,
        "delay_expected": {
            "conversations": delay.conversations if delay else None,
            "minutes": delay.minutes if delay else None,
        },
    }


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _warn(tested: Tested) -> None:
    read = tested.read
    if read.unreadable:
        said = f"{counted(read.unreadable, 'record')} could not be read: {'; '.join(read.examples)}"
        print(said + ("; …" if read.unreadable > len(read.examples) else ""), file=sys.stderr)
    for sentence in app.never_given(tested):
        print(sentence, file=sys.stderr)


def _show(tested: Tested, settings: Settings) -> None:
    read, tracks = tested.read, tested.replay.tracks.values()
    _warn(tested)
    left = dict(read.left_out)
    if tested.replay.repeated:
        left["published again"] = tested.replay.repeated
    why = "; not tested: " + ", ".join(f"{n:,} {name}" for name, n in left.items()) if left else ""
    console.print(Text(f"{counted(read.records, 'record')} of the feed{why}"))
    table = Table("rule", "series", "conversations", "bad", "share", "episodes")
    for track in sorted(tracks, key=lambda one: (one.rule.name, one.series.title)):
        share = f"{track.hits / track.conversations:.1%}"
        bad = "/".join(track.rule.labels)
        episodes = f"{len(track.episodes):,}"
        table.add_row(
            *map(Text, (track.rule.name, track.series.title, f"{track.conversations:,}", bad, share, episodes))
        )
    console.print(table)
    if tested.episodes:
        _show_episodes(tested.episodes)
    else:
        console.print("no rule would have raised anybody")
    _show_outlook(tested, settings)


def _show_episodes(episodes: Iterable[Episode]) -> None:
    table = Table("raised (UTC)", "resolved (UTC)", "lasted", "series", "share", "usual", "conversations", "rule")
    for one in episodes:
        ended = one.resolved_at_ms
        table.add_row(
            *map(
                Text,
                (
                    at(one.raised_at_ms),
                    "open" if ended is None else at(ended),
                    "" if ended is None else lasting(ended - one.raised_at_ms),
                    SeriesKey.read(one.series).title,
                    f"{one.share:.1%}",
                    f"{one.baseline:.1%}",
                    f"{one.conversations:,} in {lasting(one.raised_at_ms - one.since_ms)}",
                    one.rule,
                ),
            )
        )
    console.print(table)


def _show_outlook(tested: Tested, settings: Settings) -> None:
    rate = tested.false_alarms_per_day
    often = f"one in {1 / rate:,.0f} days" if 0 < rate < 1 else f"{rate:.3g} a day"
    console.print(Text(f"false alarms to expect, by this history: {often}"))
    delay, gap = tested.delay(), lasting(settings.sessions.idle_gap_ms)
    if delay is None:
        console.print("a change as from 5 to 20 % would not be found by these rules")
        return
    late = lasting(round(delay.minutes * 60_000))
    console.print(
        Text(
            f"a change as from 5 to 20 %: {delay.conversations:,.0f} conversations, {late}, and the quiet gap of {gap}"
        )
    )
