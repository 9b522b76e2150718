"""`streamer dlq`: dead letters listed, shown, and put back on their topics.

Rule: what a record said is printed by `show` only, because it was asked for, and as plain text.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streamer.app import dead_letters as app
from streamer.app import people
from streamer.cli.configured import ago_named, load
from streamer.cli.decode import block, show_preview, told
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import print_json
from streamer.cli.text import Text
from streamer.core.letterbox import ATTEMPTS_MAX, Listed, Tally
from streamer.core.wire.records import ProblemReason, Record
from streamer.core.words import counts, sized
from streamer.errors import StreamerError

if TYPE_CHECKING:
    from streamer.app.dead_letters import Held
    from streamer.settings import Settings

console = Console(highlight=False)
cli = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Dead letters: records that could not be read, set aside with a reason. Example: streamer dlq list",
)
VALUE_CHARS_MAX = 200
DETAIL_CHARS_MAX = 60
NONE_YET = "no dead letters yet: none of the sources' dead-letter topics exists"

TopicOption = Annotated[str | None, typer.Option("--topic", "-t", help="only of this topic")]
ReasonOption = Annotated[ProblemReason | None, typer.Option("--reason", "-r", help="only those with this reason")]
SinceOption = Annotated[str | None, typer.Option("--since", help="only those set aside so long ago or later: 2h, 3d")]


@cli.command("list")
def list_(
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, help="at most so many, the latest ones")] = 50,
    with_replayed: Annotated[bool, typer.Option("--replayed", help="also those that were replayed")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where, why and when records were set aside, and how many by reason. Joins no group, changes nothing.

    Example: streamer dlq list --reason unreadable --since 2h
    """
    held = _held(load(config), topic, reason, since)
    letters = [listed for listed in held.letters if with_replayed or not listed.replayed]
    totals = dict(sorted(Counter(listed.reason for listed in letters).items()))
    if as_json:
        return print_json(
            {
                "letters": [_as_json(listed) for listed in letters[-limit:]],
                "totals": totals,
                "replayed": sum(listed.replayed for listed in held.letters),
                "foreign": held.foreign,
            }
        )
    if letters:
        table = Table()
        for name in ("where", "reason", "detail", "size", "set aside"):
            table.add_column(name, no_wrap=name == "where")
        for listed in letters[-limit:]:
            table.add_row(*map(Text, _cells(listed)))
        console.print(table)
    console.print(Text("\n".join(_sums(held, letters, totals, limit))))
    return None


@cli.command()
def show(
    where: Annotated[
        str, typer.Argument(help="TOPIC/PARTITION/OFFSET of the original, or of the letter on its TOPIC.dlq")
    ],
    raw: Annotated[Path | None, typer.Option(help="also write the original value here, byte by byte")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """One dead letter: its headers, and what `streamer decode` makes of it now. Prints what was said in it.

    Example: streamer dlq show otlp_spans/3/1234 --raw record.bin
    """
    settings = load(config)
    listed = app.letter_at(settings, where)
    original = next((record for _, record in app.originals(settings, [listed])), None)
    if raw is not None:
        if original is None:
            raise StreamerError(f"{listed.origin}: {listed.refusal}; the original cannot be put together")
        raw.write_bytes(original.value or b"")
    names = [str(listed.origin)]
    found = None
    if original is not None:
        found = people.previewed([original], people.cut_rules_of(settings, original.topic))
    if as_json:
        print_json({**_as_json(listed), **_headers(original), "decoded": told(found, names) if found else None})
        return
    console.print(Text(f"dead letter of {listed.origin}", style="bold"))
    console.print(block(_lines(listed, original)))
    if found is not None:
        console.print(Text("\nread now:", style="bold"))
        show_preview(found, names)


@cli.command()
def replay(
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="put back at most so many, the oldest ones")] = None,
    every: Annotated[bool, typer.Option("--all", help="also those that still do not decode")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this it is only said what would be done")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put back on their topics the records that decode now; says first what that would be.

    Each is put back once: its letter is marked on the dead-letter topic. Example: streamer dlq replay --yes
    """
    settings = load(config)
    held = _held(settings, topic, reason, since)
    fresh = sum(not listed.replayed for listed in held.letters)
    how = app.Replay(write=yes, every=every, limit=limit)
    screen = Console(stderr=True)
    with Progress(console=screen, disable=as_json or not screen.is_terminal, transient=True) as progress:
        task = progress.add_task("replaying" if yes else "reading", total=fresh)
        tally = app.replay(settings, held.letters, how, lambda: progress.advance(task))
    if as_json:
        return print_json(_tally_as_json(tally, yes))
    console.print(Text("\n".join(_tally_lines(held, tally, yes))))
    return None


def _held(settings: Settings, topic: str | None, reason: str | None, since: str | None) -> Held:
    since_ms = None if since is None else people.now_ms() - ago_named("--since", since)
    return app.held(settings, app.Wanted(topic, reason, since_ms))


# ---------------------------------------------------------------- for machines


def _as_json(listed: Listed) -> dict[str, Any]:
    origin = listed.origin
    return {
        "where": str(origin),
        **origin._asdict(),
        "reason": listed.reason,
        "detail": listed.detail,
        "size_bytes": listed.size_bytes,
        "set_aside_ms": listed.written_ms,
        "letter": [f"{listed.topic}/{place.partition}/{place.offset}" for place in listed.places],
        "parts": listed.parts,
        "missing": list(listed.missing),
        "left_out": listed.left_out or None,
        "attempts": listed.attempts,
        "replayed": listed.replayed,
    }


def _headers(original: Record | None) -> dict[str, Any]:
    if original is None:
        return {}
    headers = [[name, None if value is None else _plain(value)] for name, value in original.headers]
    return {"key": None if original.key is None else _plain(original.key), "headers": headers}


def _tally_as_json(tally: Tally, done: bool) -> dict[str, Any]:
    return {
        "letters": tally.letters,
        "decode": tally.decode,
        "left_out": dict(tally.leave_out),
        "fail": dict(tally.fail),
        "refused": dict(tally.refused),
        "replayed_before": tally.already,
        "wanted": tally.wanted,
        "replayed": tally.replayed,
        "dry_run": not done,
    }


# ---------------------------------------------------------------- for people


def _cells(listed: Listed) -> tuple[str, ...]:
    reason = f"{listed.reason} (replayed)" if listed.replayed else listed.reason
    return str(listed.origin), reason, _cut(listed.detail), _size(listed), at(listed.written_ms)


def _size(listed: Listed) -> str:
    size = sized(listed.size_bytes)
    if listed.missing:
        return f"{size}, {len(listed.missing)} of {listed.parts} parts missing"
    return f"{size} in {listed.parts} parts" if listed.parts > 1 else size


def _cut(detail: str) -> str:
    """`show` has the whole."""
    return detail if len(detail) <= DETAIL_CHARS_MAX else f"{detail[:DETAIL_CHARS_MAX]}…"


def _sums(held: Held, letters: list[Listed], totals: dict[str, int], limit: int) -> list[str]:
    said = []
    if not held.topics:
        said.append(NONE_YET)
    elif not letters:
        said.append(f"no dead letters in {', '.join(held.topics)}")
    else:
        said.append(f"{len(letters)} dead letters: " + counts(totals))
    if len(letters) > limit:
        said.append(f"the latest {limit} are shown; --limit {len(letters)} shows all")
    replayed = sum(listed.replayed for listed in held.letters)
    if replayed and replayed + len(letters) == len(held.letters):
        said.append(f"{replayed} more were replayed: --replayed shows them")
    if held.foreign:
        said.append(f"{held.foreign} records there are no dead letters of streamer's")
    return said


def _lines(listed: Listed, original: Record | None) -> list[tuple[str, str]]:
    places = ", ".join(f"{place.partition}/{place.offset}" for place in listed.places)
    lines = [
        ("reason", listed.reason),
        ("detail", listed.detail or "–"),
        ("size", _size(listed)),
        ("written", f"{at(listed.origin.timestamp_ms)} UTC"),
        ("set aside", f"{at(listed.written_ms)} UTC, {listed.topic} {places}"),
    ]
    if listed.replayed:
        lines.append(("replayed", "yes"))
    if listed.attempts:
        lines.append(("came back", f"after {listed.attempts} replays"))
    if listed.left_out:
        lines.append(("left out", f"{listed.left_out}: too large for {listed.topic}"))
    if original is not None:
        lines.append(("key", "–" if original.key is None else _plain(original.key)))
        lines += [("header", f"{name}: {'–' if value is None else _plain(value)}") for name, value in original.headers]
    return lines


def _tally_lines(held: Held, tally: Tally, done: bool) -> list[str]:
    if not held.topics:
        return [NONE_YET]
    said = [f"{tally.letters} dead letters: {tally.decode} decode now"]
    if tally.fail:
        said.append(f"  {tally.fail.total()} still do not: {counts(tally.fail)}")
    if tally.leave_out:
        said.append(f"  {tally.leave_out.total()} would be left out by the sources' rules: {counts(tally.leave_out)}")
    if tally.refused:
        said.append(f"  {tally.refused.total()} cannot be replayed: {counts(tally.refused)}")
    if any(listed.attempts >= ATTEMPTS_MAX for listed in held.letters):
        said.append(f"  (what came back {ATTEMPTS_MAX} times is not put back again: streamer dlq show WHERE --raw OUT)")
    if tally.already:
        said.append(f"{tally.already} more were replayed before")
    if done:
        said.append(f"{tally.replayed} were put back on their topics; sessions that know their spans do not change")
    else:
        said.append(f"nothing was written; --yes puts {tally.wanted} back on their topics")
    return said


def _plain(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.hex(" ")
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}… ({len(value)} bytes)"
