"""python -m benchmarks.alerts.table CELLS.jsonl…: the tables of docs/alerting.md, of what alert_power wrote.

Of a cell that is there twice the last one counts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RATES = (20, 200, 2_000)
RULES = ("shipped", "last 50", "last 100", "last 200", "5 min", "15 min", "60 min", "SRE pairs", "ideal")
MONTH_H = 30 * 24
Cells = dict[tuple[str, int, str], dict[str, Any]]


def read(files: list[Path]) -> Cells:
    cells: Cells = {}
    for file in files:
        for line in file.read_text().splitlines():
            cell = json.loads(line)
            what = "T" if "T" in cell else "limits" if "limits" in cell else cell["change"]
            cells[cell["world"], cell["rate"], what] = cell
    return cells


def false_alarms(cells: Cells) -> Iterator[str]:
    yield "| world | 20/h | 200/h | 2,000/h |\n|---|---|---|---|"
    for name in dict.fromkeys(world for world, _, what in cells if what == "T"):
        row = [cells[name, rate, "T"] for rate in RATES]
        yield f"| {name} | " + " | ".join(f"{one['T'] / 1e3:,.0f}k ({one['false_alarm_days']})" for one in row) + " |"


def delays(cells: Cells) -> Iterator[str]:
    yield "| rule | " + " | ".join(f"{r:,}/h 5→20 | 5→10 | ramp, h" for r in RATES) + " |\n|---|" + "---|" * 9
    for rule in RULES:
        row = []
        for rate in RATES:
            for change in ("5 → 20 %", "5 → 10 %", "ramp"):
                found = cells.get(("realistic", rate, change), {}).get("rules", {}).get(rule)
                row.append(_delay(found, change == "ramp"))
        yield f"| {rule} | " + " | ".join(row) + " |"


def four_numbers(cells: Cells) -> Iterator[str]:
    """Of incidents of 6 h, 5 → 20 %, one a month and series. Precision counts what the budget makes of a month."""
    yield "| rule | traffic | precision | recall | detection, min | reset, min |\n|---|---|---|---|---|---|"
    for rule in RULES[:-1]:
        for rate in RATES:
            found = cells.get(("realistic", rate, "6 h"), {}).get("rules", {}).get(rule)
            if found is None:
                continue
            t = cells["realistic", rate, "T"]["T"] if rule == "shipped" else _t_of(cells, rate, rule)
            recall, false = found["found in 6 h"], MONTH_H * rate / t if t else 0.0
            precision = f"{recall / (recall + false):.2f}" if recall + false else "–"
            pairs = (_pair(found["minutes"]), _pair(found["reset minutes"]))
            yield f"| {rule} | {rate:,}/h | {precision} | {recall:.2f} | {pairs[0]} | {pairs[1]} |"


def _t_of(cells: Cells, rate: int, rule: str) -> float | None:
    measured: dict[str, float | None] = cells["realistic", rate, "limits"]["T peers"]
    return measured[rule]


def _delay(found: dict[str, Any] | None, in_hours: bool) -> str:
    if found is None:
        return ""
    if in_hours:
        return "/".join(_number(value / 60 if value is not None else None) for value in found["minutes"])
    ratio = f" ×{found['ratio']:.2f}" if found["ratio"] else ""
    return f"{_pair(found['conversations'])}{ratio}"


def _pair(values: list[float | None]) -> str:
    return "/".join(map(_number, values))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def main() -> None:
    cells = read([Path(name) for name in sys.argv[1:]])
    for table in (false_alarms, delays, four_numbers):
        print("\n".join(table(cells)) + "\n")


if __name__ == "__main__":
    main()
