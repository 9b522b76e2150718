"""The command line: parse, load settings, hand over.

Rule: an error that streamer raises on purpose is one line with its cause and remedy, never a traceback.
"""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from streamer import app as composition
from streamer.app.registered import resolved
from streamer.cli import dlq, listing, people
from streamer.cli.check import check
from streamer.cli.compare import compare
from streamer.cli.decode import decode
from streamer.cli.evaluate import evaluate
from streamer.cli.explaining import explain, replay
from streamer.cli.forgetting import forget
from streamer.cli.ledger import ledger
from streamer.cli.options import ConfigOption, FromOption
from streamer.cli.rebuild import rebuild
from streamer.cli.session_end import end_session
from streamer.cli.tapping import tap
from streamer.cli.trying import try_
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings, load

cli = typer.Typer(
    name="streamer", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@cli.callback()
def about() -> None:
    """Judge traced LLM conversations as they go quiet: verdicts in MLflow, a feed on Kafka.

    Begin with: streamer check, then streamer try --topic otlp_spans, then streamer run
    """


@cli.command()
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
    _run(lambda: resolved(_starting(load(config), start)), frozenset({"ingest", "judge", "audit"}), dry_run, seconds)


@cli.command()
def ingest(config: ConfigOption = None, start: FromOption = None) -> None:
    """Only read Kafka and save sessions in Redis. Example: streamer ingest -c streamer.toml"""
    _run(lambda: _starting(load(config), start), frozenset({"ingest"}))


@cli.command()
def judge(config: ConfigOption = None) -> None:
    """Only judge due sessions, and audit. Example: streamer judge -c streamer.toml"""
    _run(lambda: resolved(load(config)), frozenset({"judge", "audit"}))


def _starting(settings: Settings, start: str | None) -> Settings:
    return settings if start is None else settings.starting(start)


def _run(
    read: Callable[[], Settings],
    roles: frozenset[composition.Role],
    dry_run: bool = False,
    seconds: int | None = None,
) -> None:
    for_ms = seconds * 1000 if seconds else None
    raise typer.Exit(composition.run(read(), roles, dry_run=dry_run, for_ms=for_ms, read_again=read))


people.add_to(cli)
cli.add_typer(dlq.cli, name="dlq")
cli.command()(check)
cli.command("end-session")(end_session)
cli.command("try")(try_)
cli.command()(decode)
for command in (explain, replay, listing.sessions, tap, ledger, forget, rebuild, evaluate, compare):
    cli.command()(command)


def main() -> None:
    """Exit code 2: somebody must change a setting; 1: any other error."""
    try:
        cli()
    except ConfigurationError as error:
        print(f"streamer: {error}", file=sys.stderr)
        sys.exit(2)
    except StreamerError as error:
        print(f"streamer: {error}", file=sys.stderr)
        sys.exit(1)
