"""`streamer monitor`, and its rebuild."""

from __future__ import annotations

import typer

from streamer.cli.options import ConfigOption
from streamer.cli.running import run_roles
from streamer.settings import load

monitor_cli = typer.Typer(
    invoke_without_command=True, help="Fold the feed into series, and tell people. Example: streamer monitor"
)


@monitor_cli.callback()
def monitor(context: typer.Context, config: ConfigOption = None) -> None:
    """Only fold the feed into series, and tell people of spikes. Example: streamer monitor -c streamer.toml"""
    if context.invoked_subcommand is None:
        run_roles(lambda: load(config), frozenset({"monitor", "notify"}))
