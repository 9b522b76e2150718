"""Commands that look or switch: config, schema, pause, resume, explain, sessions, status, feed.

Rule: what a session said is printed only as plain text, never as markup; secrets are never printed.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from streamer.app import people as app
from streamer.cli.figures import MEANING, at, readable
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.rules import left_out, rule_line, show_rules, why_included
from streamer.cli.text import Text
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.session import SessionRef, SessionState
from streamer.core.status import LineState, SessionLine
from streamer.core.turn import in_order
from streamer.core.words import counted, lasting
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings, load, shown

T = TypeVar("T")
WIDTH_PIPED = 500
"""Whoever pipes a table wants each row on one line."""
console = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED)
TEXT_CHARS_MAX = 300
CLOSED_BY = {
    "quiet": "its quiet gap",
    "ended": "an explicit end",
    "max_age": "its maximum age",
    "max_traces": "too many traces under one id",
    "empty": "the loss of all its traces to other sessions",
}

config_cli = typer.Typer(
    no_args_is_help=True, help="The configuration in force. Example: streamer config show --origin"
)
feed_cli = typer.Typer(no_args_is_help=True, help="The stream of verdicts. Example: streamer feed tail --last 5")


def add_to(cli: typer.Typer) -> None:
    """Register the commands of this file."""
    cli.add_typer(config_cli, name="config")
    cli.add_typer(feed_cli, name="feed")
    for command in (schema, pause, resume, explain, sessions, status):
        cli.command()(command)


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


def schema() -> None:
    """Print the JSON Schema of the feed. Example: streamer schema > assessments-v1.json"""
    print((files("streamer") / "schema" / "assessments-v1.json").read_text())


def pause(config: ConfigOption = None) -> None:
    """No model call starts any more, on any worker, within a second; survives restarts. Example: streamer pause"""
    _with_redis(load(config), lambda redis: redis.handle().set_paused(True))
    console.print("paused: ingest goes on, no model is called until `streamer resume`")


def resume(config: ConfigOption = None) -> None:
    """Take a pause back. Example: streamer resume"""
    _with_redis(load(config), lambda redis: redis.handle().set_paused(False))
    console.print("resumed: what waited is due now")


def explain(
    session_id: Annotated[str, typer.Argument(help="its id, or the key that log lines name it by")],
    config: ConfigOption = None,
    source: Annotated[str, typer.Option(help="the name of its [[sources]] table")] = "default",
    tenant: Annotated[str, typer.Option(help="whose it is")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Why a session has the verdict it has, or has none. Example: streamer explain chat-4711"""
    ref = SessionRef(Scope(source, tenant), session_id)
    settings = load(config)
    if source not in (known := [one.name for one in settings.sources]):
        raise ConfigurationError(f"--source {source!r} is not configured; known are {', '.join(known)}")
    found, said = _with_redis(settings, lambda redis: app.explained(redis, settings, ref))
    if found is None:
        never = said[f"held_back_by.{source}"] == app.NOTHING_READ
        raise StreamerError(
            f"no session {session_id!r} of source {source}, tenant {tenant}: "
            + (
                "no ingest has read this source yet (streamer run, or streamer ingest)"
                if never
                else "its spans were not seen, carried no session id, or it came to rest more than "
                f"{lasting(settings.sessions.return_ms)} ago (streamer sessions lists what is known)"
            )
        )
    ref, state = found
    rule = app.rule_for(settings, ref, state)
    if as_json:
        return print_json({**_story(ref, state), "rule": asdict(rule), "paused": said["paused"]})
    _tell(ref, state)
    console.print(Text(f"  {rule_line(rule, is_read=bool(state.turns))}"))
    if said["paused"]:
        console.print(Text("  model calls are paused: streamer resume", style="yellow"))
    return None


def sessions(
    config: ConfigOption = None,
    state: Annotated[
        LineState | None,
        typer.Option(
            help="open: not closed yet; waiting: closed, and a retry, money or a delivery is owed; leased: a worker "
            "has it; rest: nothing is owed"
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Sessions, the latest changed first. Example: streamer sessions --state waiting"""
    lines = _with_redis(load(config), lambda redis: app.session_lines(redis, limit, state))
    if as_json:
        return print_json([line._asdict() for line in lines])
    table = Table("session", "tenant", "state", "turns", "due (UTC)", "verdicts")
    for line in lines:
        table.add_row(*(Text(cell) for cell in _cells(line)))
    console.print(table)
    return None


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Watermark, what is open and due, spending, pause. Example: streamer status --json"""
    settings = load(config)
    said = _with_redis(settings, lambda redis: app.status(redis, settings))
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


def _with_redis(settings: Settings, ask: Callable[[Any], Awaitable[T]]) -> T:
    async def asking() -> T:
        async with app.redis_of(settings) as redis:
            return await ask(redis)

    return asyncio.run(asking())


def _cells(line: SessionLine) -> tuple[str, ...]:
    verdicts = ", ".join(f"{judge}: {said}" for judge, said in line.verdicts.items())
    return line.session_id, line.tenant, line.state, str(line.turns), at(line.due_ms), verdicts or "–"


def _feed_line(value: dict[str, Any]) -> str:
    session, judge = value["session"]["id"], value.get("judge", "")
    said = value.get("value", value.get("failure", {}).get("kind", "") if "failure" in value else "")
    return f"{at(value['published_at_ms'])}  {value['kind']:9} {session:30} {judge:28} {said}"


def _story(ref: SessionRef, state: SessionState) -> dict[str, Any]:
    return {
        "session_id": ref.session_id,
        "key": ref.key,
        "source": ref.scope.source,
        "tenant": ref.scope.tenant,
        "version": state.version,
        "judged": state.judged,
        "last_fact": state.activity_ms,
        "ended": state.ended_ms,
        "closed_by": state.reason,
        "turns": [
            {"trace_id": turn.trace_id, "user": turn.user, "assistant": turn.assistant, "start_ms": turn.start_ms}
            for turn in in_order(state.turns.values())
        ],
        "judges": {name: json.loads(entry.to_json()) for name, entry in state.ledger.items()},
    }


def _tell(ref: SessionRef, state: SessionState) -> None:
    console.print(
        Text(f"session {ref.session_id}  (tenant {ref.scope.tenant}, source {ref.scope.source}, key {ref.key})")
    )
    judged = "all of it is judged" if state.version == state.judged else "there is more than any verdict has seen"
    if state.reason is not None:
        judged = f"last closed by {CLOSED_BY[state.reason]}; {judged}"
    console.print(Text(f"{counted(len(state.members), 'trace')}, last record {at(state.activity_ms)} UTC; {judged}"))
    for n, turn in enumerate(in_order(state.turns.values()), start=1):
        console.print(Text(f"  turn {n}  {at(turn.start_ms)}  trace {turn.trace_id}  read from {turn.io_source}"))
        console.print(Text(f"      user      {(turn.user or '–')[:TEXT_CHARS_MAX]}"))
        console.print(Text(f"      assistant {(turn.assistant or '–')[:TEXT_CHARS_MAX]}"))
    if state.looks or state.mend:
        console.print(
            "  its rows are looked at again: a write was cut off, or an earlier trace may still come to MLflow"
        )
    if not state.ledger:
        console.print(
            "  no judge has read it yet (streamer sessions says when it is due, streamer status what holds it)"
        )
    for name, entry in sorted(state.ledger.items()):
        console.print(Text(f"  {name}: {_sentence(entry)}"))
        for past in entry.history:
            console.print(Text(f"      before: revision {past.revision}, {past.value} after {past.turns} turns"))


def _sentence(entry: Entry) -> str:
    why = f"{entry.failure.kind}: {entry.failure.detail}" if entry.failure else ""
    if entry.state == "judged" and entry.verdict:
        places = (("MLflow", entry.mlflow), ("the feed", entry.feed))
        where = " and ".join(name if there else f"{name} (owed)" for name, there in places)
        if entry.unwritten == "no_trace":
            where = "the feed only: MLflow has none of its traces"
        elif entry.unwritten:
            where = "the feed only: MLflow takes no session id of more than 250 characters"
        usage = entry.verdict.usage
        cost = "price unknown" if usage.cost_usd is None else f"${usage.cost_usd:.5f}"
        return (
            f"{entry.verdict.value} at revision {entry.revision}, {at(entry.scored_at_ms)}, on {where}; "
            f"{usage.input_tokens + usage.output_tokens} tokens, {cost}; {why_included(entry)}\n      "
            f"{entry.verdict.rationale[:TEXT_CHARS_MAX]}"
        )
    if entry.state == "retrying":
        return f"retrying at {at(entry.next_at_ms)} after {entry.attempts + entry.waits} attempts ({why})"
    if entry.state == "deferred":
        return f"deferred until {at(entry.next_at_ms)}: the day's spending limit was reached"
    if entry.state == "failed":
        return f"failed for good until another turn comes ({why})"
    if entry.state in ("filtered", "sampled_out"):
        return left_out(entry)
    if entry.state == "removed":
        stands = f"; its last verdict, {entry.verdict.value}, stands" if entry.verdict else ""
        return f"no longer configured: nothing is owed for it{stands}"
    return "retracted: all its traces belong to other sessions"
