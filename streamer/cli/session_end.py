"""`streamer end-session`: somebody knows that a conversation is over, and does not want to wait for its quiet gap."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer
from rich.console import Console

from streamer.app import session_end as app
from streamer.cli.configured import load
from streamer.cli.figures import at
from streamer.cli.options import ConfigOption
from streamer.cli.text import Text
from streamer.core.session import SessionState
from streamer.core.words import lasting

console = Console(highlight=False, soft_wrap=True)


def end_session(
    session_id: Annotated[str, typer.Argument(help="as its spans name it")],
    config: ConfigOption = None,
    source: Annotated[str, typer.Option(help="the name of its [[sources]] table")] = "default",
    tenant: Annotated[str | None, typer.Option(help="whose it is, where the source has several")] = None,
    topic: Annotated[str | None, typer.Option(help="which topic of the source; else its first")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the record and what it would do")] = False,
) -> None:
    """Say through Kafka that a session is over. Example: streamer end-session chat-4711 --dry-run"""
    settings = load(config)
    what = app.session_end(settings, session_id, source, tenant, topic)
    found = asyncio.run(app.known(settings, what.session))
    if not dry_run:
        asyncio.run(app.send(settings, what))
    sent = "would be sent" if dry_run else "sent"
    console.print(Text(f"{sent} to {what.record.topic}: {(what.record.value or b'').decode()}"))
    for name, value in what.record.headers:
        console.print(Text(f"  with the header {name}: {(value or b'').decode()}"))
    scope, outlook = what.session.scope, _outlook(found, settings.sessions.settle_ms)
    console.print(Text(f"session {session_id} (tenant {scope.tenant}, source {scope.source}): {outlook}"))


def _outlook(found: SessionState | Literal["unknown", "not asked"], settle_ms: int) -> str:
    """What will come of it."""
    closes = f"closes {lasting(settle_ms)} after the record (sessions.settle_ms), unless a turn comes later than that"
    if found == "not asked":
        return f"Redis does not answer, so nobody knows how it stands; it {closes}"
    if found == "unknown":
        return "not known yet: the end is remembered, and what was said before it is judged once it is there"
    last = f"last record {at(found.activity_ms)} UTC"
    return f"{last}; it {closes}" if found.owes_closing else f"{last}; nothing of it is open: the end changes nothing"
