"""python -m benchmarks [NAME…] [--json]"""

import argparse
import importlib
import json
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure

NAMES = ("ingest", "claim", "sizes", "memory", "judging", "peer", "latency", "evaluate")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    given = parser.parse_args()
    console = Console(stderr=True)
    figures: list[Figure] = []
    for name in given.names or NAMES:
        with console.status(f"measuring {name}"):
            taken = importlib.import_module(f"benchmarks.{name}").run()
        figures += taken
        if given.json:
            for figure in taken:
                print(json.dumps({**figure._asdict(), "holds": figure.holds}, ensure_ascii=False))
    if not given.json:
        Console().print(_table(figures))
    return 0


def _table(figures: list[Figure]) -> Table:
    table = Table("what", "figure", "bound", "")
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        bound = "" if figure.bound is None else f"{sign} {figure.bound:g} {figure.unit}"
        holds = {True: "holds", False: "MISSED", None: ""}[figure.holds]
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", bound, f"{holds} {figure.note}".strip())
    return table


if __name__ == "__main__":
    sys.exit(main())
