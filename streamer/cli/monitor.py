"""`streamer monitor`, and its rebuild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer.app import monitor_rebuild as app
from streamer.app import people
from streamer.cli.configured import load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json, with_redis
from streamer.cli.running import run_roles
from streamer.core.reading import Start
from streamer.core.words import counted

if TYPE_CHECKING:
    from streamer.app.monitor_rebuild import Plan

FROM_MS = 30 * 86_400_000
"""What a detector has learned its usual share from."""
console = Console(highlight=False)
monitor_cli = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Fold the feed into series, and tell people. Example: streamer monitor",
)


@monitor_cli.callback()
def monitor(context: typer.Context, config: ConfigOption = None) -> None:
    """Only fold the feed into series, and tell people of spikes. Example: streamer monitor -c streamer.toml"""
    if context.invoked_subcommand is None:
        run_roles(lambda: load(config), frozenset({"monitor", "notify"}))


@monitor_cli.command()
def rebuild(
    config: ConfigOption = None,
    start: Annotated[
        str | None, typer.Option("--from", help="how far back: 14d, beginning, or an offset; default: 30d")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this it is only said what would be done")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make series, shares and detectors again from the feed: after Redis was lost, or a judge's labels were changed.

    Old episodes are not told again. Example: streamer monitor rebuild --from 30d
    """
    settings = load(config)
    now_ms = people.now_ms()
    first = settings.starting(start).sources[0].first_offset(now_ms) if start else Start("time", now_ms - FROM_MS)
    plan = app.planned(settings, first)
    if not yes:
        return print_json(_as_json(plan, dry_run=True)) if as_json else console.print(_says(plan), markup=False)
    screen = Console(stderr=True)
    columns = (TextColumn("folding the feed"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=as_json or not screen.is_terminal, transient=True) as bars:
        task = bars.add_task("", total=plan.records)
        tell = lambda done, total: bars.update(task, completed=done, total=total)  # noqa: E731
        done = with_redis(settings, lambda redis: app.rebuild(redis, settings, plan, tell))
    if as_json:
        return print_json({**_as_json(plan, dry_run=False), "folded": done})
    return console.print(f"{counted(done, 'record')} folded again: start the monitor", markup=False)


def _as_json(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    return {"topic": plan.topic, "records": plan.records, "deleted_before": plan.deleted, "dry_run": dry_run}


def _says(plan: Plan) -> str:
    said = [f"{plan.topic}: {counted(plan.records, 'record')} that the monitor has read would be folded again"]
    if plan.deleted:
        said.append(
            f"  Kafka has deleted {counted(plan.deleted, 'earlier record')}: what they told is not learned again"
        )
    said.append("shares, detectors and examples of all series are emptied first; episodes stay, and nobody is told")
    return "\n".join([*said, "nothing was changed. The same with --yes does it"])
