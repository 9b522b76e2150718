"""The benchmark runs from end to end; its figures mean something in its full size only."""

import json

import pytest

from benchmarks import alert_power


@pytest.mark.slow
def test_every_cell_is_computed_and_written_as_json() -> None:
    cells = list(alert_power.cells(alert_power.QUICK, [20, 200], None))
    assert len(cells) == 2 * (len(alert_power.NULLS) + 5)
    for cell in cells:
        json.dumps(alert_power.plain(cell), allow_nan=False)
    delays = [cell for cell in cells if "change" in cell]
    assert all({"ideal", "shipped", "SRE pairs"} <= cell["rules"].keys() for cell in delays)
    assert {figure.name.split(",")[0] for cell in cells for figure in alert_power.figures(cell)} >= {
        "false alarm",
        "delay 5 → 20 %",
    }
