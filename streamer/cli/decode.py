"""`streamer decode`: what would be stored of some records, before anything runs.

Rule: what a session said is printed only as plain text, never as markup.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streamer.app import people as app
from streamer.cli.configured import encoding_named, load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.wire.records import Record
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from streamer.core.preview import Preview, SeenRecord, SeenTurn

STDIN = "-"


def decode(
    files: Annotated[list[str] | None, typer.Argument(help="one record's value each; - is standard input")] = None,
    encoding: Annotated[
        str, typer.Option(help="auto, otlp_proto, otlp_json, mlflow_json, cloudevents or control")
    ] = "auto",
    as_json: JsonOption = False,
    raw: Annotated[Path | None, typer.Option(help="also write what would be stored here, as one OTLP request")] = None,
    topic: Annotated[str | None, typer.Option(help="the last records of a topic instead; joins no group")] = None,
    last: Annotated[int, typer.Option(min=1, help="how many of them")] = 10,
    config: ConfigOption = None,
) -> None:
    """Print what would be stored of records, and why not more. Stores nothing, needs no Redis.

    Several files are several records of one topic: split and late traces come together. Exit code 2: nothing was
    decoded.

    Example: streamer decode turn.bin late.json --json

    Example: streamer decode --topic otlp_spans --last 20
    """
    if bool(files) == bool(topic):
        raise ConfigurationError("name FILES (- is standard input) or --topic, not both")
    kind = encoding_named(encoding)
    if topic:
        settings = load(config)
        rules, records = app.cut_rules_of(settings, topic), app.last_records(settings, topic, last)
        names = [f"{record.topic}/{record.partition}/{record.offset}" for record in records]
    else:
        names = files or []
        rules, records = app.cut_rules_of(None, ""), [_record(name) for name in names]
    found = app.previewed(records, rules if kind == "auto" else replace(rules, encoding=kind))
    if raw is not None:
        _write(raw, found.raw)
    if as_json:
        print_json(told(found, names))
    else:
        show_preview(found, names)
    raise typer.Exit(2 if found.is_empty else 0)


def _record(name: str) -> Record:
    return Record(name, 0, 0, 0, sys.stdin.buffer.read()) if name == STDIN else app.record_in(Path(name))


def _write(file: Path, raw: bytes) -> None:
    try:
        file.write_bytes(raw)
    except OSError as error:
        raise ConfigurationError(f"--raw cannot write {file}: {error.strerror}") from None


# ---------------------------------------------------------------- for machines


def told(found: Preview, names: Sequence[str]) -> dict[str, Any]:
    """The whole as JSON; `record` says of which file or topic/partition/offset something was found."""
    records = list(zip(names, found.records, strict=True))
    return {
        "turns": [_turn(seen) for seen in found.turns],
        "control": [
            {"event": control.event, "session_id": control.ended, "tenant": control.tenant, "record": name}
            for name, record in records
            for control in record.controls
        ],
        "problems": [{**problem._asdict(), "record": name} for name, record in records for problem in record.problems],
        "left_out": [{"rule": record.left_out_by, "record": name} for name, record in records if record.left_out_by],
        "waiting": found.waiting,
        "tried": [
            {"decoder": tried.decoder, "refused": tried.said or None, "record": name}
            for name, record in records
            for tried in record.tried
        ],
    }


def _turn(seen: SeenTurn) -> dict[str, Any]:
    turn = seen.turn
    return {
        "trace_id": turn.trace_id,
        "name": seen.name,
        "session_id": seen.session_id,
        "session_id_source": turn.session_id_source,
        "session_conflicts": list(turn.session_conflicts),
        "user_id": turn.user_id,
        "user": turn.user,
        "assistant": turn.assistant,
        "system": turn.system,
        "omitted": list(turn.omitted),
        "tools": [
            {"name": tool.name, "arguments": tool.arguments, "result": tool.result, "error": tool.error}
            for tool in turn.tools
        ],
        "io_source": turn.io_source,
        "has_root": turn.has_root,
        "complete": turn.complete,
        "spans_seen": turn.spans_seen,
        "start_ns": turn.start_ns,
        "end_ns": turn.end_ns,
        "error": turn.error,
        "tenant": seen.tenant,
        "flags": sorted(turn.flags),
        "unscorable": turn.unscorable,
        "ends_session": turn.ends_session,
        "agent": turn.agent,
        "service": turn.service,
        "models": list(turn.models),
        "dialects": list(seen.dialects),
        "remedy": seen.remedy or None,
    }


# ---------------------------------------------------------------- for people


def show_preview(found: Preview, names: Sequence[str]) -> None:
    console = Console(highlight=False)
    for number, seen in enumerate(found.turns, start=1):
        console.print(Text(f"turn {number}  {seen.name}  trace {seen.turn.trace_id}", style="bold"))
        console.print(block(_lines(seen)))
        console.print()
    for name, record in zip(names, found.records, strict=True):
        if notes := list(_notes(record)):
            console.print(Text(name, style="bold"))
            console.print(block(notes))
    for trace_id in found.waiting:
        console.print(Text(f"trace {trace_id}: only logs so far, their span is missing"))
    controls = sum(len(record.controls) for record in found.records)
    console.print(Text(f"{len(found.turns)} turns and {controls} session events in {len(found.records)} records"))


def block(lines: Sequence[tuple[str, str]]) -> Table:
    """Labels on the left, words beside them; long ones wrap in their column."""
    table = Table.grid(padding=(0, 2))
    for label, said in lines:
        table.add_row(Text(f"  {label}", style="dim"), Text(said, overflow="fold"))
    return table


def _lines(seen: SeenTurn) -> list[tuple[str, str]]:
    turn = seen.turn
    lines = [("session", f"{seen.session_id}  (from {turn.session_id_source or 'logs'})")]
    if seen.session_id is None:
        lines = [("session", "none: the trace would be parked, then dropped"), ("remedy", seen.remedy)]
    if turn.session_conflicts:
        lines.append(("also named", ", ".join(turn.session_conflicts)))
    asked = " ".join([*([turn.user] if turn.user else []), *(f"[{name}]" for name in turn.omitted)])
    lines += [("user", asked or "–"), ("assistant", turn.assistant or "–")]
    lines += [("tool", f"{tool.name}({tool.arguments}) → {tool.result}") for tool in turn.tools]
    dialects = ", ".join(seen.dialects) or "no known dialect"
    lines.append(("read from", f"{turn.io_source}, {turn.spans_seen} spans, {dialects}"))
    if state := _state(seen):
        lines.append(("state", ", ".join(state)))
    named = {"user id": turn.user_id, "agent": turn.agent, "service": turn.service, "tenant": seen.tenant}
    return lines + [(label, value) for label, value in named.items() if value]


def _state(seen: SeenTurn) -> list[str]:
    turn = seen.turn
    said = {
        "error": turn.error,
        "no root": not turn.has_root,
        "spans missing": not turn.complete,
        f"not scorable: {turn.unscorable}": turn.unscorable is not None,
        "ends the session": turn.ends_session,
    }
    return sorted(turn.flags) + [name for name, holds in said.items() if holds]


def _notes(record: SeenRecord) -> Iterator[tuple[str, str]]:
    """What is not a turn. Which decoders refused explains an unreadable record better than its dead letter's detail."""
    for control in record.controls:
        yield control.event, f"session {control.ended} is over"
    if record.left_out_by == "no_genai_key":
        yield "left out", 'by the rule no_genai_key: nothing in it is of an LLM application (keep = "all" reads it)'
    elif record.left_out_by:
        yield "left out", f"by the rule {record.left_out_by}"
    refused = any(tried.said for tried in record.tried)
    for problem in record.problems:
        at = f"at byte {problem.offset}: " if problem.offset > 0 else ""
        yield problem.reason, at + ("no decoder took it" if problem.reason == "unreadable" else problem.detail)
    for tried in record.tried if refused else ():
        yield tried.decoder, f"refused: {tried.said}" if tried.said else "took it"
