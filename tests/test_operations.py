"""docs/operations.md has an answer for whatever may wake somebody, and knows nothing that is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from streamer.core.holding import Cause
from streamer.core.wire.records import ProblemReason
from streamer.metrics import METRICS, PREFIX

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS = re.findall(r"alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
SECTIONS = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]


def steps_of(section: str) -> list[str]:
    return re.findall(r"^(\d)\. ", section, flags=re.MULTILINE)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_heading_with_three_steps(alert: str) -> None:
    sections = [section for section in SECTIONS if f"Alert `{alert}`" in section]
    assert len(sections) == 1, f"docs/operations.md: one section that says Alert `{alert}`"
    assert steps_of(sections[0])[:3] == ["1", "2", "3"]
    assert "Escalate" in sections[0]


@pytest.mark.parametrize("reason", get_args(ProblemReason))
def test_every_reason_of_a_dead_letter_has_one(reason: str) -> None:
    sections = [section for section in SECTIONS if section.startswith(f"{reason}\n")]
    assert len(sections) == 1, f"docs/operations.md: ### {reason}"
    assert steps_of(sections[0]) == ["1", "2", "3"]
    assert "Escalate" in sections[0]


def test_every_cause_that_holds_the_watermark_back_is_explained() -> None:
    (section,) = (section for section in SECTIONS if section.startswith("The watermark is held back"))
    rows = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == set(get_args(Cause))


def test_metrics_that_documents_and_alerts_name_are_told() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.yml"), ROOT / "README.md"]
    text = "".join(page.read_text() for page in pages)
    named = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in re.findall(rf"\b{PREFIX}([a-z_]+)", text)}
    assert named - METRICS.keys() == set()


def said() -> Iterator[tuple[set[object], set[object]]]:
    """Levels and events of every line that the log may have."""
    for file in (ROOT / "streamer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "say"
                and node.args[1:]
            ):
                level, event = ({c.value for c in ast.walk(a) if isinstance(c, ast.Constant)} for a in node.args[:2])
                yield set(level), set(event)


def test_every_warning_of_the_log_is_listed() -> None:
    (section,) = (section for section in SECTIONS if section.startswith("Log lines"))
    listed = set(re.findall(r"`(\w+)`", section.split("At `warning`")[1]))
    loud = [events for levels, events in said() if levels & {"warning", "error"}]
    assert loud
    assert [sorted(map(str, events)) for events in loud if not events & listed] == []
    assert listed - {event for events in loud for event in events} == set()
