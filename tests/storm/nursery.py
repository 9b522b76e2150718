"""streamer's roles as processes that are there in a moment: imported once, forked as often as somebody is killed.

    python -m tests.storm.nursery CONFIG

Rule: what is forked has started nothing yet, no thread and no connection: a child is what `streamer ROLE` would be,
without the seconds that importing MLflow takes. Orders come as lines on standard input: `ingest` or `judge` and the
name of a log; the answer is the child's process id.
"""

import importlib
import os
import signal
import sys
import threading
from pathlib import Path

from streamer.app import running as app
from streamer.app.building import Role
from streamer.errors import StreamerError
from streamer.settings import Settings, load

ROLES: dict[str, frozenset[Role]] = {"ingest": frozenset({"ingest"}), "judge": frozenset({"judge", "audit"})}


def preload() -> None:
    """What a judge imports when it first judges."""
    for name in ("litellm", "mlflow.genai.judges", "mlflow.genai.scorers"):
        importlib.import_module(name)


def fork(settings: Settings, role: str, log: Path) -> int:
    child = os.fork()
    if child:
        return child
    with log.open("ab") as out:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    try:
        code = app.run(settings, ROLES[role])
    except StreamerError as error:
        sys.stderr.write(f"streamer: {error}\n")
        code = 1
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    settings = load(Path(sys.argv[1]))
    preload()
    assert threading.active_count() == 1, threading.enumerate()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        role, log = line.split()
        sys.stdout.write(f"{fork(settings, role, Path(log))}\n")
        sys.stdout.flush()
        while True:  # whoever was killed is buried
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
    os.killpg(0, signal.SIGKILL)  # whoever gives the orders is gone


if __name__ == "__main__":
    main()
