"""The command line: parse, load settings, hand over.

Rule: an error that streamer raises on purpose is one line with its cause and remedy, never a traceback. A command is a
line of COMMANDS; its module is imported when it is called.
"""

import sys
from typing import Annotated

import typer

from streamer import __version__
from streamer.cli.lazy import Place, import_when_used, lazy_group
from streamer.errors import ConfigurationError, StreamerError

COMMANDS = {
    "check": Place("streamer.cli.check:check", "Reach every service, sample the topic, and say what is missing."),
    "try": Place("streamer.cli.trying:try_", "Judge the latest sessions of a topic, or of files; writes nothing."),
    "evaluate": Place("streamer.cli.evaluate:evaluate", "Judge sessions that were traced before; --write keeps it."),
    "compare": Place("streamer.cli.compare:compare", "Two versions, agents or judges of the feed beside each other."),
    "simulate": Place("streamer.cli.simulate:simulate", "Try an agent on made-up conversations, and judge them."),
    "label": Place("streamer.cli.labelling:label", "Ask people about judged sessions, blind; labels go to MLflow."),
    "agreement": Place("streamer.cli.agreement:agreement", "How far a judge agrees with people, and with itself."),
    "run": Place("streamer.cli.running:run", "All roles in one process."),
    "ingest": Place("streamer.cli.running:ingest", "Only read Kafka and save sessions in Redis."),
    "judge": Place("streamer.cli.running:judge", "Only judge due sessions, and audit."),
    "monitor": Place("streamer.cli.monitor:monitor_cli", "Only fold the feed into series, and tell people of spikes."),
    "notify": Place("streamer.cli.running:notify", "Only open and close episodes, and tell channels."),
    "status": Place("streamer.cli.people:status", "Watermark, what is open and due, spending, pause."),
    "sessions": Place("streamer.cli.listing:sessions", "Sessions, the latest changed first, and how each stands."),
    "explain": Place("streamer.cli.explaining:explain", "Why a session has the verdict it has, or has none."),
    "replay": Place("streamer.cli.explaining:replay", "Decide an exported session again, by this version."),
    "tap": Place("streamer.cli.tapping:tap", "What is decided of sessions while it happens."),
    "ledger": Place("streamer.cli.ledger:ledger", "One line per (session, judge), as JSON lines or Parquet."),
    "alerts": Place("streamer.cli.alerts:alerts_cli", "Alerts on spikes: list, mute, accept, test on a history."),
    "series": Place("streamer.cli.alerts:series", "Shares of bad conversations, by agent and version."),
    "feed": Place("streamer.cli.people:feed_cli", "The stream of verdicts."),
    "decode": Place("streamer.cli.decode:decode", "Print what would be stored of records, and why not more."),
    "dlq": Place("streamer.cli.dlq:cli", "Dead letters: records that could not be read, set aside with their reason."),
    "end-session": Place("streamer.cli.session_end:end_session", "Say through Kafka that a session is over."),
    "probe": Place("streamer.cli.probing:probe", "Send a marked conversation and wait for its verdict."),
    "pause": Place("streamer.cli.people:pause", "No model call starts any more, on any worker."),
    "resume": Place("streamer.cli.people:resume", "Take a pause back."),
    "forget": Place("streamer.cli.forgetting:forget", "Erase what was said in a session, or in all of a user's."),
    "rebuild": Place("streamer.cli.rebuild:rebuild", "After Redis was lost: make its sessions again from Kafka."),
    "config": Place("streamer.cli.people:config_cli", "The configuration in force."),
    "schema": Place("streamer.cli.people:schema", "Print a JSON Schema."),
}  # fmt: skip
"""In the order of the help, and of use."""

import_when_used()
cli = typer.Typer(
    name="streamer",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"streamer {__version__}")
        raise typer.Exit


@cli.callback()
def about(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="the package's")] = False,
) -> None:
    """Judge traced LLM conversations as they go quiet: verdicts in MLflow, a feed on Kafka.

    Begin with: streamer check, then streamer try --topic otlp_spans, then streamer run
    """


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
