"""`streamer run`, and the commands of single roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.app import registered
from streamer.app import running as app
from streamer.cli.configured import load
from streamer.cli.options import ConfigOption, FromOption

if TYPE_CHECKING:
    from streamer.app.running import Role
    from streamer.settings import Settings


def run(
    config: ConfigOption = None,
    start: FromOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="no model call, no row, no feed: says the cost")] = False,
    seconds: Annotated[
        int | None, typer.Option("--for", min=1, help="stop after so many seconds of work, or of waiting for a service")
    ] = None,
) -> None:
    """All roles in one process.

    Example: streamer run --dry-run --for 60 --from 2h
    """
    roles: frozenset[Role] = frozenset({"ingest", "judge", "audit", "monitor", "notify"})
    run_roles(lambda: registered.resolved(_starting(load(config), start)), roles, dry_run, seconds)


def ingest(config: ConfigOption = None, start: FromOption = None) -> None:
    """Only read Kafka and save sessions in Redis. Example: streamer ingest -c streamer.toml"""
    run_roles(lambda: _starting(load(config), start), frozenset({"ingest"}))


def judge(config: ConfigOption = None) -> None:
    """Only judge due sessions, and audit. Example: streamer judge -c streamer.toml"""
    run_roles(lambda: registered.resolved(load(config)), frozenset({"judge", "audit"}))


def notify(config: ConfigOption = None) -> None:
    """Only open and close episodes, and tell channels. Example: streamer notify -c streamer.toml"""
    run_roles(lambda: load(config), frozenset({"notify"}))


def _starting(settings: Settings, start: str | None) -> Settings:
    return settings if start is None else settings.starting(start)


def run_roles(
    read: Callable[[], Settings], roles: frozenset[Role], dry_run: bool = False, seconds: int | None = None
) -> None:
    for_ms = seconds * 1000 if seconds else None
    raise typer.Exit(app.run(read(), roles, dry_run=dry_run, for_ms=for_ms, read_again=read))
