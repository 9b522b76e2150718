"""`streamer rebuild`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer.app import people, rebuilding, rereading
from streamer.cli.configured import load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.core.reading import Start
from streamer.core.rebuild import Fate
from streamer.core.words import counted, lasting, sized

if TYPE_CHECKING:
    from streamer.app.rebuilding import Report
    from streamer.app.rereading import Estimate, Plan, Tell
    from streamer.settings import Settings

console = Console(highlight=False)
MEANING: dict[Fate, str] = {
    "unchanged": "their verdicts stand: no call, nothing is told again",
    "changed": "were judged before and have changed since: due, with revisions and history",
    "new": "no verdict is known: due",
    "cut_short": "Kafka no longer holds all turns: their rows stay, and the ledger will say facts_expired",
    "empty": "all their traces belong to other sessions",
    "shared": "everybody's session id: not judged",
}


def rebuild(
    config: ConfigOption = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="how far back: 30d, beginning, or an offset; default: sessions.return_ms"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this it is only said what would be done")] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="first throw away what Redis still holds under redis.key_prefix")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """After Redis was lost: make its sessions again from Kafka, and go on from the rows in MLflow.

    Stop every worker before, start them after. After Ctrl-C the same command goes on where it was.
    Example: streamer rebuild --from 7d, then streamer rebuild --from 7d --yes
    """
    settings = load(config)
    said = start or f"the last {lasting(settings.sessions.return_ms)}"
    first = _start(settings, start)
    if yes:
        with _progress(as_json) as tell:
            report = asyncio.run(rebuilding.rebuild(settings, first, said, tell, discard=discard))
        _say(_report_as_json(report) if as_json else _report_lines(report))
    else:
        with _progress(as_json) as tell:
            plan = rereading.planned(settings, first)
            found = rereading.estimate(settings, plan, tell)
        _say(_estimate_as_json(plan, found) if as_json else _estimate_lines(plan, found))


def _say(said: dict[str, Any] | list[str]) -> None:
    if isinstance(said, dict):
        print_json(said)
    else:
        console.print("\n".join(said), markup=False)


def _start(settings: Settings, start: str | None) -> Start:
    now_ms = people.now_ms()
    if start is None:
        return Start("time", now_ms - settings.sessions.return_ms)
    return settings.starting(start).sources[0].first_offset(now_ms)


@contextmanager
def _progress(quiet: bool) -> Iterator[Tell]:
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=quiet or not screen.is_terminal, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


# ---------------------------------------------------------------- what would be done


def _estimate_as_json(plan: Plan, found: Estimate) -> dict[str, Any]:
    topics = {
        one.topic: {
            "records": one.records,
            "deleted_before": sum(span.low for span in one.spans.values()),
            "since_ms": found.since_ms.get(one.topic),
        }
        for one in plan.stretches
    }
    return {
        "topics": topics,
        "sessions": len(found.sessions),
        "traces": len(found.traces),
        "bytes": found.bytes,
        "dry_run": True,
    }


def _estimate_lines(plan: Plan, found: Estimate) -> list[str]:
    said = []
    for one in plan.stretches:
        since = f" since {at(found.since_ms[one.topic])} UTC" if one.topic in found.since_ms else ""
        said.append(f"{one.topic}: {counted(one.records, 'record')}{since}")
        if gone := sum(span.low for span in one.spans.values()):
            said.append(
                f"  Kafka has deleted {counted(gone, 'earlier record')}: of a session that began among them the row "
                "stays as it is, and it is not judged on what is left"
            )
    said.append(
        f"{counted(len(found.sessions), 'session')} in {counted(len(found.traces), 'trace')}; Redis needs about "
        f"{sized(found.bytes * 1.3)} for them, until they are judged and swept"
    )
    said.append("nothing was written. Stop every worker, then the same with --yes")
    return said


# ---------------------------------------------------------------- what was done


def _report_as_json(report: Report) -> dict[str, Any]:
    return {"records": report.records, "sessions": dict(report.fates), "dry_run": False}


def _report_lines(report: Report) -> list[str]:
    said = [f"{counted(report.records, 'record')} read, {counted(report.fates.total(), 'session')} made again:"]
    said += [f"  {report.fates[fate]:>8,}  {meaning}" for fate, meaning in MEANING.items() if report.fates[fate]]
    said.append("start the workers: what is due is judged now")
    return said
