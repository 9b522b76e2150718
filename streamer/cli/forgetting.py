"""`streamer forget`: erasure, said first and done with --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from streamer.app import forgetting as app
from streamer.cli.configured import load
from streamer.cli.options import ConfigOption, JsonOption
from streamer.cli.people import console, print_json, with_redis
from streamer.cli.text import Text
from streamer.core.ids import Scope
from streamer.core.session import SessionRef
from streamer.core.words import counted, lasting
from streamer.errors import ConfigurationError, StreamerError

if TYPE_CHECKING:
    from streamer.app.forgetting import Erased, Held, Unreached


def forget(
    session: Annotated[str | None, typer.Option("--session", "-s", help="its id, or its key")] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", help="every session with a turn of this user")] = None,
    source: Annotated[str, typer.Option(help="the name of the session's [[sources]] table")] = "default",
    tenant: Annotated[str, typer.Option(help="whose it is")] = "default",
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this it is only said what would be done")] = False,
    wait: Annotated[int, typer.Option("--wait", min=0, help="seconds for judge workers to take the rows back")] = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase what was said in a session, or in all of a user's: Redis, our rows in MLflow, a tombstone on the feed.

    Says first what that would be, and what it cannot reach. Exit code 1 while rows are still to be taken back.
    Example: streamer forget --user ada@example.org
    """
    if (session is None) == (user is None):
        raise ConfigurationError("say whom: --session ID, or --user ID")
    settings = load(config)
    screen = Console(stderr=True)

    async def look(redis: Any) -> list[Held]:  # noqa: ANN401
        if session is not None:
            return await app.of_session(redis, settings, SessionRef(Scope(source, tenant), session))
        with screen.status("looking through all sessions …"):
            return await app.of_user(redis, settings, tenant, user or "", lambda: None)

    found = with_redis(settings, look)
    if not found:
        whom = f"session {session!r} of source {source}" if session else f"session with a turn of user {user!r}"
        known = ", ".join(one.name for one in settings.sources)
        raise StreamerError(
            f"no {whom}, tenant {tenant}: Redis knows nothing of it (any more). Names are compared letter by letter; "
            f"sources are {known}"
        )
    done: list[Erased] = []
    if yes:
        done = with_redis(settings, lambda redis: app.forget(redis, settings, found, wait))
    unreached = app.unreached(settings)
    if as_json:
        print_json(_as_json(found, done, unreached, yes))
    else:
        _print(found, done, unreached, yes)
    if any(not one.at_rest for one in done):
        raise typer.Exit(1)


def _print(found: list[Held], done: list[Erased], unreached: list[Unreached], yes: bool) -> None:
    for held, kept in found:
        rows = counted(len(kept.rows), "row")
        buried = counted(len(held.tombstones), "key")
        console.print(
            Text(
                f"{held.session.session_id}  (tenant {held.session.scope.tenant}, key {held.session.key}): "
                f"{counted(held.said, 'turn')}, {counted(len(held.traces), 'trace')} in Redis, {rows} in MLflow, "
                f"{buried} of the feed; {kept.line.says}"
            )
        )
        if others := sorted(held.users):
            console.print(Text(f"    users: {', '.join(others)}"))
    for one in done:
        said = "rows taken back, feed told" if one.at_rest else f"{one.says}: is a judge worker running, not paused?"
        console.print(Text(f"erased {one.key}: {said}"))
    if not yes:
        console.print("nothing was done: --yes erases it")
    console.print("out of reach:")
    for place in unreached:
        console.print(Text(f"    {place.where} ({_keeps(place)}): {place.remedy}"))
    if yes:
        console.print(
            "reading a topic again from before now (--from, an emptied Redis) brings it back: forget again then"
        )


def _keeps(place: Unreached) -> str:
    if place.keeps_ms is None:
        return "time not known"
    return "kept for ever" if place.keeps_ms < 0 else f"kept {lasting(place.keeps_ms)}"


def _as_json(found: list[Held], done: list[Erased], unreached: list[Unreached], yes: bool) -> dict[str, Any]:
    return {
        "dry_run": not yes,
        "sessions": [
            {
                "session_id": held.session.session_id,
                "key": held.session.key,
                "source": held.session.scope.source,
                "tenant": held.session.scope.tenant,
                "turns": held.said,
                "traces": sorted(held.traces),
                "users": sorted(held.users),
                "rows": [row._asdict() for row in kept.rows],
                "feed_keys": [stone.key for stone in held.tombstones],
                "says": kept.line.says,
            }
            for held, kept in found
        ],
        "erased": [one._asdict() for one in done],
        "unreached": [place._asdict() for place in unreached],
    }
