"""How long a person waits for help, and an application for its import of streamer: whole processes, pages warm."""

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.figure import Figure

ROUNDS = 9
HELP_S_MAX, IMPORT_S_MAX = 0.5, 0.2
NOTHING = ["-c", "pass"]


def run() -> list[Figure]:
    from streamer.cli import COMMANDS

    nothing_s = _seconds(NOTHING)
    helps = {name: _seconds(["-m", "streamer", name, "--help"], rounds=2) for name in COMMANDS}
    slowest = max(helps, key=lambda name: helps[name])
    base = f"a process that does nothing takes {nothing_s:.3f} s"
    return [
        Figure("streamer --help", _seconds(["-m", "streamer", "--help"]), "s", HELP_S_MAX, note=base),
        Figure("help of the slowest command", helps[slowest], "s", HELP_S_MAX, note=f"{slowest}, of {len(helps)}"),
        Figure("import streamer", _seconds(["-c", "import streamer"]) - nothing_s, "s", IMPORT_S_MAX),
        Figure(
            "import streamer.instrument", _seconds(["-c", "import streamer.instrument"]) - nothing_s, "s", IMPORT_S_MAX
        ),
    ]


def _seconds(arguments: Sequence[str], rounds: int = ROUNDS) -> float:
    """The best: what else the machine does is not this program's. The first one, which may compile, does not count."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return min(took[1:])
