"""`streamer monitor`, and its rebuild."""

import typer

from streamer import app as composition
from streamer.cli.options import ConfigOption
from streamer.settings import load

monitor_cli = typer.Typer(
    invoke_without_command=True, help="Fold the feed into series, and tell people. Example: streamer monitor"
)


@monitor_cli.callback()
def monitor(context: typer.Context, config: ConfigOption = None) -> None:
    """Only fold the feed into series, and tell people of spikes. Example: streamer monitor -c streamer.toml"""
    if context.invoked_subcommand is None:
        roles: frozenset[composition.Role] = frozenset({"monitor", "notify"})
        raise typer.Exit(composition.run(load(config), roles, read_again=lambda: load(config)))
