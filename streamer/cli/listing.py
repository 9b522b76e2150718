"""`streamer sessions`: those that match, the latest changed first."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from streamer.app import looking, people
from streamer.cli.configured import ago_named, load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import console, print_json, with_redis
from streamer.cli.text import Text
from streamer.core.status import LineState, SessionLine, Wanted
from streamer.errors import ConfigurationError


def sessions(
    config: ConfigOption = None,
    state: Annotated[
        LineState | None,
        typer.Option(
            help="open: not closed yet; waiting: closed, and a retry, money or a delivery is owed; leased: a worker "
            "has it; rest: nothing is owed"
        ),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="only this tenant's")] = None,
    source: Annotated[str | None, typer.Option(help="only of this [[sources]] table")] = None,
    verdict: Annotated[
        str | None,
        typer.Option(metavar="JUDGE=VALUE", help="only with this verdict; failed, deferred … are values too"),
    ] = None,
    older: Annotated[str | None, typer.Option(help="only those that last changed longer ago: 2h, 3d")] = None,
    newer: Annotated[str | None, typer.Option(help="only those that changed since: 2h, 3d")] = None,
    limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Sessions, the latest changed first, and how each stands.

    Example: streamer sessions --state waiting --newer 2h
    """
    settings = load(config)
    wanted = Wanted(state, source, tenant, _verdict(verdict), _ago("--newer", newer), _ago("--older", older))
    lines = with_redis(settings, lambda redis: looking.session_lines(redis, settings, limit, wanted))
    if as_json:
        return print_json([line._asdict() for line in lines])
    table = Table("session", "tenant", "state", "traces", "changed (UTC)", "verdicts")
    for line in lines:
        table.add_row(*(Text(cell) for cell in _cells(line)))
    console.print(table)
    return None


def _cells(line: SessionLine) -> tuple[str, ...]:
    verdicts = ", ".join(f"{judge}: {said}" for judge, said in line.verdicts.items())
    return line.session_id, line.tenant, line.says, str(line.traces), at(line.changed_ms), verdicts or "–"


def _verdict(said: str | None) -> tuple[str, str] | None:
    if said is None:
        return None
    judge, separator, value = said.partition("=")
    if not separator or not judge:
        raise ConfigurationError(f"--verdict {said}: write JUDGE=VALUE, as in --verdict user_frustration=yes")
    return judge, value


def _ago(option: str, said: str | None) -> int | None:
    return None if said is None else people.now_ms() - ago_named(option, said)
