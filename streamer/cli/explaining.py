"""`streamer explain` and `streamer replay`: why a session has the verdict it has, and whether it would have it again.

Rule: what a session said is printed only as plain text, never as markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from streamer.app import cases, looking, outlook
from streamer.app import people as app
from streamer.cli.configured import load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import console, print_json, with_redis
from streamer.cli.story import as_json as story_as_json
from streamer.cli.story import story
from streamer.cli.text import Text
from streamer.core.ids import Scope
from streamer.core.session import SessionRef
from streamer.core.words import counted, lasting
from streamer.errors import ConfigurationError, StreamerError

if TYPE_CHECKING:
    from streamer.app.looking import Known
    from streamer.core.case import Case, Difference
    from streamer.settings import Settings

SourceOption = Annotated[str, typer.Option(help="the name of its [[sources]] table")]
TenantOption = Annotated[str, typer.Option(help="whose it is")]
INDENT = "    "


class Found(NamedTuple):
    known: Known | None
    outlook: str | None
    """When it closes, if it is open, or what it waits for."""
    said: dict[str, Any]
    """The figures of `streamer status`."""
    case: Case | None


def explain(
    session_id: Annotated[str, typer.Argument(help="its id, or the key that log lines name it by")],
    config: ConfigOption = None,
    source: SourceOption = "default",
    tenant: TenantOption = "default",
    export: Annotated[
        Path | None, typer.Option("--export", help="write facts and decisions to this file, for streamer replay")
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="keep what was said; else words become placeholders of their length")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Why a session has the verdict it has, or has none: turns, claims, calls, writes.

    Example: streamer explain chat-4711 --export case.json
    """
    ref = SessionRef(Scope(source, tenant), session_id)
    settings = load(config)
    looking.source_named(settings, source)
    if with_text and export is None:
        raise ConfigurationError("--with-text says what --export writes: name a file")
    found = with_redis(settings, lambda redis: _found(redis, settings, ref, export is not None))
    if found.known is None:
        raise StreamerError(_unknown(settings, ref, found.said))
    if found.case is not None and export is not None:
        return _told(export, *cases.write(found.case, export, with_text=with_text), as_json)
    rule = app.rule_for(settings, found.known.session, found.known.state)
    if as_json:
        return print_json(
            {**story_as_json(found.known, rule), "outlook": found.outlook, "paused": found.said["paused"]}
        )
    for line in story(found.known, rule):
        console.print(Text(INDENT * line.depth + line.text))
    if found.outlook:
        console.print(Text(f"open: {found.outlook}", style="bold"))
    for reason in _held_by(found.known, found.said):
        console.print(Text(reason, style="yellow"))
    return None


def replay(
    file: Annotated[Path, typer.Argument(help="what streamer explain --export wrote")], as_json: JsonOption = False
) -> None:
    """Decide an exported session again, by this version: turns, transcript, closings, what each judge is asked.

    Exit code 0 if all is decided as it was, 1 if not; asks no service. Example: streamer replay case.json
    """
    case, found = cases.replay(file)
    _told(file, case, found, as_json)
    if found:
        raise typer.Exit(1)


async def _found(redis: Any, settings: Settings, ref: SessionRef, export: bool) -> Found:  # noqa: ANN401
    session, said = await app.explained(redis, settings, ref)
    known = None if session is None else await looking.known(redis, settings, *session)
    case = await cases.case_of(redis, settings, known) if known is not None and export else None
    waits = None if known is None else await outlook.outlook(redis, settings, known.state, known.kept.line)
    return Found(known, waits, said, case)


def _unknown(settings: Settings, ref: SessionRef, said: dict[str, Any]) -> str:
    source = ref.scope.source
    never = said[f"held_back_by.{source}"] == app.NOTHING_READ
    return f"no session {ref.session_id!r} of source {source}, tenant {ref.scope.tenant}: " + (
        "no ingest has read this source yet (streamer run, or streamer ingest)"
        if never
        else "its spans were not seen, carried no session id, or it came to rest more than "
        f"{lasting(settings.sessions.return_ms)} ago (streamer sessions lists what is known)"
    )


def _held_by(known: Known, said: dict[str, Any]) -> list[str]:
    """What of the whole may be why this session is as it is."""
    reasons = []
    reading, state = said[f"reading.{known.session.scope.source}"], known.kept.line.state
    if said["paused"] and state != "rest":
        reasons.append("model calls are paused: streamer resume")
    if state == "open" and reading != "everything":
        reasons.append(f"reading: {reading}")
    return reasons


def _told(file: Path, case: Case, found: list[Difference], as_json: bool) -> None:
    """What is in the file, and where it is decided otherwise."""
    if as_json:
        return print_json(
            {
                "file": str(file),
                "texts": case.texts,
                "traces": len(case.state.members),
                "differences": [difference._asdict() for difference in found],
            }
        )
    turns = sum(turn is not None for turn in case.decided.turns.values())
    decisions = f"{counted(turns, 'turn')}, {counted(len(case.decided.closings), 'closing')}"
    judges = counted(len(case.decided.judges), "judge")
    if not found:
        console.print(Text(f"{file}: {decisions}, {judges}: this version decides the same"))
    for difference in found:
        console.print(Text(f"{difference.where}: was {difference.recorded}, is now {difference.replayed}"))
    return None
