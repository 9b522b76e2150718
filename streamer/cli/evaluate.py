"""`streamer evaluate`."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamer.app import evaluating, evaluating_sources, people, registered
from streamer.cli import evaluate_output as output
from streamer.cli import junit
from streamer.cli.configured import load, spec_named
from streamer.cli.moments import moment
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.core.gate import Gate, gates_of
from streamer.core.judges import JudgeSpec
from streamer.core.terms import Terms
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.app.evaluating import Report, Wanted
    from streamer.app.evaluating_sources import Period
    from streamer.settings import Settings

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def evaluate(
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="in MLflow, by name or id")] = None,
    topic: Annotated[str | None, typer.Option("--topic", "-t", help="of Kafka, instead: it is read again")] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="records instead: a line each (.jsonl), or a file each")
    ] = None,
    since: Annotated[str | None, typer.Option(help="sessions with a trace since then: 7d, 2026-11-01")] = None,
    until: Annotated[str | None, typer.Option(help="and before then")] = None,
    wanted: Annotated[
        str | None, typer.Option("--filter", help="traces, as mlflow.search_traces filters: tags.env = 'prod'")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", "-s", help="only this one, by its id")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="the first so many sessions")] = None,
    judges: Annotated[
        str | None, typer.Option("--judges", "-j", help="of the configuration, or types: a,b; all unless said")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="another one for all of them")] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="ask so often, to see the judge's own noise")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="ask also where this judge's verdict stands already")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="sessions, tokens and cost; no model is called")] = False,
    write: Annotated[bool, typer.Option("--write", help="verdicts into MLflow and onto the feed, as backfill")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="also under the name of a live judge with another definition")
    ] = False,
    usd_max: Annotated[float | None, typer.Option("--usd-max", min=0, help="a day; else evaluate.usd_per_day")] = None,
    rate: Annotated[int | None, typer.Option("--rate", min=1, help="model calls a minute at most")] = None,
    source: Annotated[str | None, typer.Option(help="the [[sources]] table that the sessions belong to")] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option("--fail-under", help="judge=share, as in user_frustration=0.9: exit code 3")
    ] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="a test report, a test per verdict")] = None,
    parquet_file: Annotated[
        Path | None, typer.Option("--parquet", help="a line per verdict, rationale included")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge what was traced before, with the judges of the configuration. Writes nothing unless told to.

    Ctrl-C or a crash: the same command goes on, and pays for no answer twice.
    Example: streamer evaluate --experiment support --since 7d --dry-run, then without --dry-run, then with --write
    """
    settings = _with_own_limits(registered.resolved(load(config)), usd_max, rate)
    specs = _specs(settings, judges, model)
    gates = _gates(fail_under or [], specs)
    _refuse_together(experiment, topic, files, write, dry_run, repeat)
    asked = evaluating.Wanted(
        terms=Terms(specs=specs, rules=settings.core_rules(), content=b""), experiment=experiment, topic=topic,
        files=tuple(files or ()), period=_period(since, until), filter=wanted, session=session, limit=limit,
        source=source, write=write, replace=replace, dry_run=dry_run, fresh=fresh, times=repeat,
    )  # fmt: skip
    raise typer.Exit(_carried_out(settings, asked, gates, junit_file, parquet_file, as_json))


def _carried_out(
    settings: Settings,
    asked: Wanted,
    gates: list[Gate],
    junit_file: Path | None,
    parquet_file: Path | None,
    quiet: bool,
) -> int:
    """The exit code."""
    began_s, report = time.monotonic(), evaluating.report_of(asked.terms.specs)
    with ExitStack() as stack:
        told = output.Lines(stack, junit_file is not None, parquet_file)
        with output.progress(report, quiet=quiet) as (tell, show):
            on_done = output.both(told.add, show)
            stopped = asyncio.run(_until_stopped(evaluating.evaluate(settings, asked, report, tell, on_done), report))
    weighed = [report.tally.judges[gate.judge].weigh(gate) for gate in gates]
    if junit_file is not None:
        junit.write(junit_file, told.scored, weighed, time.monotonic() - began_s)
    if quiet:
        ended = report.ended_by or ("stopped" if stopped else None)
        gated = [{"gate": one.gate.judge, "state": one.state, "share": one.share} for one in weighed]
        print_json({**report.tally.as_json(), "dry_run": asked.dry_run, "ended_by": ended, "gates": gated})
    else:
        output.print_summary(report, dry_run=asked.dry_run, write=asked.write, weighed=weighed, stopped=stopped)
    if stopped or report.ended_by:
        return STOPPED if stopped else 1
    return 0 if asked.dry_run else junit.exit_code(weighed)


async def _until_stopped(work: Coroutine[Any, Any, None], report: Report) -> bool:
    """The first Ctrl-C lets what is under way come to its end, since it is paid for; a second one does not."""
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            task.cancel()
        stopped = True
        report.stopping.set()
        print("stopping: what is under way is finished; Ctrl-C once more leaves it", file=sys.stderr)

    task = asyncio.get_running_loop().create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    return stopped


def _period(since: str | None, until: str | None) -> Period:
    now_ms = people.now_ms()
    return evaluating_sources.Period(moment("--since", since, now_ms), moment("--until", until, now_ms))


def _with_own_limits(settings: Settings, usd_max: float | None, rate: int | None) -> Settings:
    given = {"usd_per_day": usd_max, "calls_per_minute": rate}
    own = settings.evaluate.model_copy(update={name: value for name, value in given.items() if value is not None})
    return settings.model_copy(update={"evaluate": own})


def _specs(settings: Settings, judges: str | None, model: str | None) -> tuple[JudgeSpec, ...]:
    names = [name.strip() for name in judges.split(",")] if judges else [one.row_name for one in settings.judges]
    specs = tuple(spec_named(settings.judges, name, model) for name in names)
    if len({spec.name for spec in specs}) < len(specs):
        raise ConfigurationError(f"--judges {judges}: a judge is named twice; take one out")
    return specs


def _gates(texts: list[str], specs: tuple[JudgeSpec, ...]) -> list[Gate]:
    try:
        return gates_of(texts, {spec.name: spec for spec in specs})
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _refuse_together(
    experiment: str | None, topic: str | None, files: list[Path] | None, write: bool, dry_run: bool, repeat: int
) -> None:
    if sum(map(bool, (experiment, topic, files))) != 1:
        raise ConfigurationError("say where from: --experiment E, --topic T or --file F, one of them")
    if write and dry_run:
        raise ConfigurationError("--dry-run calls no model, so there is nothing to --write: take one of them out")
    if write and repeat > 1:
        raise ConfigurationError(
            "--repeat measures how a judge varies, and only one verdict can stand: without --write"
        )
