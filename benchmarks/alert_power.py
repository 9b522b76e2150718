"""python -m benchmarks.alert_power [--quick] [--out FILE] [--only null|delays] [--rates 20,200,2000]

Conversations per false alarm and delays of the shipped alert rule, beside the ideal and the rules of the peers, in one
run. One JSON object per cell as it is finished; then the bounds, and whether they hold. About half an hour on a core.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.alerts.power import Size, delay_cells, null_cell
from benchmarks.alerts.worlds import World
from benchmarks.figure import Figure

RATES = (20, 200, 2_000)
NULLS: dict[str, dict[str, Any]] = {
    "realistic": {},
    "share 2 %": {"share": 0.02},
    "share 15 %": {"share": 0.15},
    "flat": {"rhythm": False},
    "scatter 0.2": {"scatter": 0.2},
    "drift 40 %": {"drift": 0.4},
}
FULL = {20: Size(4_000, 28, 600), 200: Size(400, 28, 600), 2_000: Size(50, 21, 200)}
QUICK = {20: Size(30, 4, 12), 200: Size(6, 4, 12), 2_000: Size(2, 2, 4)}
HORIZON_H = {
    20: {"5 → 20 %": 240, "5 → 10 %": 480, "ramp": 120},
    200: {"5 → 20 %": 48, "5 → 10 %": 120, "ramp": 72},
    2_000: {"5 → 20 %": 12, "5 → 10 %": 24, "ramp": 24},
}
BOUNDS = {("5 → 20 %", 20): 1.35, ("5 → 20 %", 200): 1.25, ("5 → 20 %", 2_000): 1.25}
BOUNDS |= {("5 → 10 %", 200): 1.6, ("5 → 10 %", 2_000): 1.6}
T_MIN = {"realistic": 300_000, "share 2 %": 300_000, "share 15 %": 300_000, "scatter 0.2": 150_000}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alert_power", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="whether it runs at all; its figures mean nothing")
    parser.add_argument("--out", type=Path, help="append each cell as a line of JSON")
    parser.add_argument("--only", choices=["null", "delays"])
    parser.add_argument("--rates", default=",".join(map(str, RATES)))
    given = parser.parse_args()
    sizes, rates = QUICK if given.quick else FULL, [int(rate) for rate in given.rates.split(",")]
    done: list[dict[str, Any]] = []
    for cell in cells(sizes, rates, given.only):
        done.append(cell)
        line = json.dumps(plain(cell), ensure_ascii=False)
        print(line, flush=True)
        if given.out:
            with given.out.open("a") as file:
                file.write(line + "\n")
    held = [figure for cell in done for figure in figures(cell)]
    for figure in held:
        print(f"{figure.name}: {figure.value:.3g} {figure.unit} (bound {figure.bound:g}): {figure.holds}")
    return 0 if given.quick or all(figure.holds for figure in held) else 1


def cells(sizes: dict[int, Size], rates: list[int], only: str | None) -> Iterator[dict[str, Any]]:
    for rate in rates:
        if only != "delays":
            for name, world in NULLS.items():
                began = time.monotonic()
                cell = null_cell(World(name, rate, **world), sizes[rate])
                yield {**cell, "seconds": round(time.monotonic() - began)}
        if only != "null":
            yield from delay_cells(World("realistic", rate), sizes[rate], HORIZON_H[rate])


def plain(value: Any) -> Any:
    """JSON has no infinity: null is never."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figures(cell: dict[str, Any]) -> Iterator[Figure]:
    where = f"{cell['world']}, {cell['rate']}/h"
    if "T" in cell and cell["world"] in T_MIN:
        yield Figure(f"false alarm, {where}", cell["T"], "conversations", T_MIN[cell["world"]], at_least=True)
    bound = BOUNDS.get((cell.get("change", ""), cell["rate"]))
    if bound is not None:
        ratio = cell["rules"]["shipped"]["ratio"]
        yield Figure(f"delay {cell['change']}, {where}", ratio, "times the ideal", bound)


if __name__ == "__main__":
    sys.exit(main())
