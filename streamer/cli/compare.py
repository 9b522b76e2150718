"""`streamer compare`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamer.app import comparing, people
from streamer.cli.configured import load
from streamer.cli.moments import moment
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.compare import Comparison
from streamer.core.compared import DIMENSIONS, Compared, JudgeCompared, Side, as_json
from streamer.core.words import counted, counts
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.comparing import Unread

console = Console(highlight=False)


def compare(
    groups: Annotated[list[str], typer.Argument(help="two values of the dimension: 2.3 2.4")],
    by: Annotated[str, typer.Option("--by", help=f"one of {', '.join(DIMENSIONS)}")] = "version",
    since: Annotated[str | None, typer.Option(help="conversations that ended since then: 7d, 2026-11-01")] = None,
    until: Annotated[str | None, typer.Option(help="and before then")] = None,
    feed: Annotated[
        Path | None, typer.Option("--feed", help="a file of feed records, a line each; else the topic")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option("--judge", "-j", help="only these; every judge unless said")
    ] = None,
    across: Annotated[
        bool, typer.Option("--across-judge-versions", help="although a judge was another one for some of it")
    ] = False,
    config: ConfigOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Shares of verdicts beside each other, with what the difference may be, and sessions that show it.

    Two judges on the same sessions: --by judge a b
    Example: streamer compare --by version 2.3 2.4 --since 7d
    """
    if by not in DIMENSIONS:
        raise ConfigurationError(f"--by {by!r}: compare by {', '.join(DIMENSIONS)}")
    if len(set(groups)) != 2 or len(groups) != 2:
        raise ConfigurationError(f"name two different values of {by}, as in: streamer compare --by {by} 2.3 2.4")
    settings, unread = load(config), comparing.Unread()
    wanted = frozenset(groups) if by == "judge" else frozenset(judge or ())
    comparison = Comparison(by, (groups[0], groups[1]), wanted)
    since_ms, until_ms = moment("--since", since, people.now_ms()), moment("--until", until, people.now_ms())
    read = comparing.compare(settings, feed, since_ms, until_ms, comparison, unread)
    found = comparison.result()
    _refuse_nothing(found, read, unread)
    if by not in ("judge", "judge_version") and not across:
        _refuse_across_versions(found)
    comparing.explain(settings, feed, since_ms, found)
    noise = asyncio.run(comparing.noise_of(settings, {one.judge: one.versions for one in found.judges}))
    if as_json_:
        print_json({**as_json(found, noise), "unread": unread.count})
    else:
        _say(found, noise, unread)


def _refuse_nothing(found: Compared, read: int, unread: Unread) -> None:
    empty = [
        group
        for group in found.groups
        if not any(side.judged + side.failed for one in found.judges for side in one.sides if side.group == group)
    ]
    if not empty:
        return
    if not read:
        bad = f"; {counted(unread.count, 'line')} could not be read ({unread.first[0]})" if unread.count else ""
        raise ConfigurationError(f"no record of the feed in this period{bad}: look further back with --since")
    known = ", ".join(f"{name or '(none)'} {n:,}" for name, n in found.groups_seen.most_common(10))
    raise ConfigurationError(f"no verdict of {found.by} {' or '.join(empty)} in this period; the feed has {known}")


def _refuse_across_versions(found: Compared) -> None:
    for one in found.judges:
        if len(one.versions) > 1:
            raise ConfigurationError(
                f"{one.judge} was {len(one.versions)} different judges meanwhile ({', '.join(one.versions)}): what "
                "differs may be the judge. Choose a period in which it did not change, judge all of it with one by "
                "streamer evaluate, or take --across-judge-versions"
            )


def _say(found: Compared, noise: dict[str, Any], unread: Unread) -> None:
    for one in found.judges:
        console.print(Text(f"{one.judge}  (version {', '.join(one.versions)})", style="bold"))
        console.print(_table(one))
        for side in one.sides:
            console.print(Text(f"  {_counts(side)}"))
        for version, said in noise.get(one.judge, {}).items():
            console.print(
                Text(
                    f"  the judge's own noise: two answers of {version} to the same session differ in "
                    f"{1 - said['agreement']:.1%} of pairs ({counted(said['sessions'], 'session')}, asked "
                    f"{said['times']} times)"
                )
            )
        for shown in one.explained_by:
            first = shown.rationale.strip().split("\n")[0][:100]
            console.print(
                Text(f"  {shown.group}  {shown.value:12} {shown.session_id}  {shown.first_trace_id}  {first}")
            )
    if found.sampled and found.origins.get("backfill"):
        console.print(
            "some of these sessions were drawn and others chosen by streamer evaluate: where that chose them by what "
            "they are, the shares lean that way"
        )
    if unread.count:
        console.print(Text(f"{counted(unread.count, 'line')} of the feed could not be read: {unread.first[0]}"))
    console.print(f"records: {counts(found.origins)}", markup=False)


def _table(one: JudgeCompared) -> Table:
    a, b = one.sides
    table = Table("value", escape(a.group), "95 %", escape(b.group), "95 %", "difference", "95 %")
    for difference in one.differences:
        cells = [difference.value]
        for side in (a, b):
            _, share, (low, high) = side.shares[difference.value]
            cells += [f"{share:.1%}", f"{low:.1%} – {high:.1%}"]
        mark = "" if difference.is_clear else " (may be none)"
        cells += [
            f"{difference.difference:+.1%}{mark}",
            f"{difference.interval.low:+.1%} – {difference.interval.high:+.1%}",
        ]
        table.add_row(*map(Text, cells))
    if a.mean is not None and b.mean is not None:
        table.add_row("mean", f"{a.mean:.3g}", "", f"{b.mean:.3g}", "", f"{b.mean - a.mean:+.3g}", "")
    return table


def _counts(side: Side) -> str:
    covered = "" if side.coverage is None else f", {side.coverage:.1%} of the closed sessions"
    failed = f", {side.failed:,} failed" if side.failed else ""
    weighed = f" (as many as {side.effective:.0f} equally weighted)" if round(side.effective) != side.judged else ""
    return f"{side.group}: {counted(side.judged, 'session')} judged{weighed}{failed}{covered}"
