"""`streamer probe`: does a conversation get its verdict?"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from streamer.app import heartbeat, people
from streamer.app import probing as app
from streamer.cli.configured import ago_named, load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.words import counted, lasting

if TYPE_CHECKING:
    from streamer.app.probing import Plan, Report, Step

console = Console(highlight=False, soft_wrap=True)
PORT = 9465
"""Beside a worker's 9464."""


def probe(
    config: ConfigOption = None,
    through: Annotated[
        str, typer.Option(metavar="kafka|URL", help="kafka, or a Collector's OTLP over HTTP: http://collector:4318")
    ] = "kafka",
    timeout: Annotated[str, typer.Option(help="how long its verdict is waited for")] = "5m",
    source: Annotated[str, typer.Option(help="the name of the [[sources]] table that reads it")] = "default",
    tenant: Annotated[str | None, typer.Option(help="as whose it is sent, where the source has several")] = None,
    topic: Annotated[str | None, typer.Option(help="which topic of the source; else its first")] = None,
    service: Annotated[
        str, typer.Option(help="service.name of its spans: which rule it falls under")
    ] = "streamer-probe",
    every: Annotated[str | None, typer.Option(help="go on until stopped, one each 5m; with metrics on --port")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of /metrics with --every; 0: none")] = PORT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be sent and asked")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send a marked conversation and wait for its verdict; exit code 1 if none comes.

    It costs one call of each judge, is counted in no share, and is taken back afterwards.
    Example: streamer probe --through http://collector:4318
    """
    settings = load(config)
    timeout_ms = ago_named("--timeout", timeout)

    def make() -> Plan:
        where = {"through": through, "source": source, "tenant": tenant, "topic": topic, "service": service}
        return app.plan(settings, people.now_ms(), secrets.token_hex(4), **where)  # type: ignore[arg-type]

    what = make()
    if not as_json:
        console.print(Text(_announced(what, timeout_ms)))
    if dry_run:
        return _print_dry(what) if as_json else None
    if every is not None:
        every_s = ago_named("--every", every) / 1000
        told = _print_line if as_json else _print_short
        return asyncio.run(heartbeat.keep_probing(settings, make, every_s, timeout_ms / 1000, port, told))
    report = asyncio.run(app.probe(settings, what, timeout_ms / 1000, _silent if as_json else _print_step))
    if as_json:
        print_json(_as_json(report))
    else:
        _print_end(report)
    raise typer.Exit(1 if report.problem else 0)


def _announced(what: Plan, timeout_ms: int) -> str:
    where = f"Kafka, {what.record.topic}" if what.through == app.KAFKA else what.through
    calls = counted(len(what.judges), "model call")
    return (
        f"{what.session.session_id} to {where}, under rule {what.rule!r}: at most {calls} ({', '.join(what.judges)}), "
        f"more only where one fails and is tried again; waiting {lasting(timeout_ms)}"
    )


def _silent(_: Step) -> None:
    return None


def _print_step(step: Step) -> None:
    console.print(Text(f"  {step.seconds:7.2f} s  {step.name:22} {step.says}".rstrip()))


def _print_end(report: Report) -> None:
    for judge, why in sorted(report.left_out.items()):
        console.print(Text(f"  {judge} did not read it: {why}"))
    if report.problem:
        console.print(Text(f"no: {report.problem}", style="bold red"))
    else:
        console.print(Text("yes: a conversation gets its verdict", style="green"))


def _print_short(report: Report) -> None:
    took = report.steps[-1].seconds if report.steps else 0.0
    console.print(Text(f"{report.session_id}  {report.problem or f'came back after {took:.1f} s'}"))


def _print_line(report: Report) -> None:
    print(json.dumps(_as_json(report), ensure_ascii=False), flush=True)


def _print_dry(what: Plan) -> None:
    print_json(
        {
            "dry_run": True,
            "session_id": what.session.session_id,
            "through": what.through,
            "topic": what.record.topic,
            "rule": what.rule,
            "judges": list(what.judges),
        }
    )


def _as_json(report: Report) -> dict[str, Any]:
    return {"ok": not report.problem, **asdict(report), "steps": [step._asdict() for step in report.steps]}
