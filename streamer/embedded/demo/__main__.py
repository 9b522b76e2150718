"""python -m streamer.embedded.demo: the curtain. What stands in, the story, and an end that leaves no process behind.

Rule: whatever goes wrong is a sentence and an exit code: 0 told, 1 something was false, 2 somebody must change a
setting, 130 stopped. Logs stay after a failure, or with KEEP=1.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from streamer.embedded.demo.screen import FalseStatementError, console, say
from streamer.errors import ConfigurationError, StreamerError


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupted)
    say("streamer, live: one verdict per conversation, seconds after it has fallen quiet", "bold")
    home = Path(tempfile.mkdtemp(prefix="streamer-demo-"))
    code = 1
    try:
        _perform(home)
        code = 0
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        say("\nstopped; nothing is left running")
        code = 130
    except ConfigurationError as error:
        say(f"the demo cannot start: {error}", "bold red")
        code = 2
    except (FalseStatementError, StreamerError, RuntimeError) as error:
        say(f"\nthe demo failed: {error}", "bold red")
        if isinstance(error, RuntimeError):  # one of its programs
            say("KAFKA, REDIS_URL or MLFLOW_TRACKING_URI name a service to use instead of a stand-in")
    finally:
        _put_away(home, keep=code == 1 or bool(os.environ.get("KEEP")))
    return code


def _perform(home: Path) -> None:
    # Imported here, so that the first line is on the screen before the clients of three services are loaded.
    from streamer.embedded.demo.stage import GAP_MS, Stage
    from streamer.embedded.demo.story import Story

    began = time.monotonic()
    status = console.status("starting")
    stage = Stage(home, say, status.update)
    say(f"stand-ins: {', '.join(stage.standing_in) or 'none'}", "dim")
    real = [*stage.given, *([] if stage.scripted else [f"model {stage.model}"])]
    say(f"real: {', '.join(real) or 'streamer itself, every process of it'}", "dim")
    say(f"quiet gap {GAP_MS / 1000:.0f} s here, 15 min unless told otherwise\n", "dim")
    say("Starting everything at once; importing MLflow takes longest", "bold")
    try:
        with status:
            stage.__enter__()
        ready = time.monotonic()
        Story(stage).tell()
        say(f"\nready in {ready - began:.0f} s, told in {time.monotonic() - ready:.0f} s", "dim")
        _linger(stage.mlflow, stage.experiment_id)
    finally:
        # A second Ctrl-C must not leave half of it running.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stage.__exit__()


def _linger(mlflow: str, experiment_id: str) -> None:
    """On a terminal the services stay up for a look around."""
    place = f"{mlflow}/#/experiments/{experiment_id}/traces"
    if sys.stdin.isatty() and not os.environ.get("CI"):
        say(f"look around: {place} (Traces, then group by session); Enter ends the demo", "bold")
        sys.stdin.readline()
    else:
        say(f"MLflow was at {place}; on a terminal the demo keeps it up until Enter", "dim")


def _put_away(home: Path, *, keep: bool) -> None:
    if keep:
        say(f"logs and configuration of every process: {home}", "bold")
    else:
        shutil.rmtree(home, ignore_errors=True)


def _interrupted(*_: object) -> NoReturn:
    """Raised again a second later until somebody has caught it: Python drops what is raised in a finalizer, and the
    story would be told to its end."""
    signal.setitimer(signal.ITIMER_REAL, 1)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
