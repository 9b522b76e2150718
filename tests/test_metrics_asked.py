"""What Prometheus and Grafana ask for is told: each expression names a metric as its kind is called, by labels it has.

promtool, the real one, reads the rules and every panel's expression; its unit tests of each alert are slow.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamer.metrics import METRICS, PREFIX
from tests.test_operations import ALERTS, PAGE, ROOT, SECTIONS
from tools.board import board

PROMETHEUS = ROOT / "deploy" / "prometheus"
BOARD = ROOT / "deploy" / "grafana" / "streamer.json"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
TOLD = {
    f"{PREFIX}{name}{suffix}": {*metric.labels, "instance", *(["le"] if suffix == "_bucket" else [])}
    for name, metric in METRICS.items()
    for suffix in SUFFIXES[metric.kind]
}
"""By name as Prometheus has it: labels."""
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(BOARD.read_text())["panels"] if panel["type"] != "row"]


def asked() -> Iterator[tuple[str, str]]:
    """Who asks, and the expression."""
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)


@pytest.mark.parametrize(("who", "expression"), list(asked()))
def test_every_expression_names_what_is_told(who: str, expression: str) -> None:
    names = set(re.findall(rf"\b{PREFIX}\w+", expression))
    recorded = set(re.findall(r"\bstreamer:\w+", expression))
    assert names | recorded or "up{" in expression
    assert names - TOLD.keys() == set()
    assert recorded - RECORDED == set()
    labels = {
        label.strip() for found in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in found.split(",")
    }
    if not recorded:
        assert labels <= {label for name in names for label in TOLD[name]}


def test_the_board_is_what_its_table_says() -> None:
    assert json.loads(BOARD.read_text()) == board(), "python -m tools.board > deploy/grafana/streamer.json"


def test_panels_stand_beside_each_other() -> None:
    taken = [
        (x, y)
        for panel in json.loads(BOARD.read_text())["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: str(rule["alert"]))
def test_every_alert_leads_to_its_heading(rule: dict[str, Any]) -> None:
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (ROOT / file).read_text() == PAGE
    headings = {anchor_of(section.partition("\n")[0]): section for section in SECTIONS}
    assert f"Alert `{rule['alert']}`" in headings[anchor]


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def run(promtool: Path, *words: str) -> str:
    done = subprocess.run([str(promtool), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_reads_the_rules_and_what_every_panel_asks(promtool: Path, tmp_path: Path) -> None:
    run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))
    named = [{"record": f"panel:{n}", "expr": expression} for n, (_, expression) in enumerate(asked())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": named}]}))
    assert f"{len(named)} rules found" in run(promtool, "check", "rules", str(tmp_path / "panels.yml"))


def test_every_alert_is_fired_in_its_unit_tests() -> None:
    fired = re.findall(r'alertname="(\w+)"', (PROMETHEUS / "alerts_test.yml").read_text())
    assert set(fired) == set(ALERTS)


@pytest.mark.slow
def test_every_alert_fires_when_it_should_and_not_before(promtool: Path) -> None:
    run(promtool, "test", "rules", str(PROMETHEUS / "alerts_test.yml"))
