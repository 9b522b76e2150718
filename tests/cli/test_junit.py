"""Verdicts as tests of a pipeline."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from streamer.cli import junit
from streamer.core.gate import Gate, Scored
from streamer.errors import ConfigurationError

RESULTS = [
    Scored("mood", "s-1", "none", "all is well"),
    Scored("mood", "s-2", "unresolved", 'he said "\0" <b>&\x1b[31m'),
    Scored("mood", "s-3", failure="timeout"),
    Scored("mood", "s-4"),
]


def cases(file: Path) -> dict[str, list[str]]:
    root = ElementTree.parse(file).getroot()
    return {str(case.get("name")): [child.tag for child in case] for case in root.iter("testcase")}


def test_a_bad_verdict_is_a_failed_test_and_a_judge_failure_an_error(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    junit.write(file, RESULTS)
    assert cases(file) == {"s-1": ["system-out"], "s-2": ["failure"], "s-3": ["error"], "s-4": ["skipped"]}
    suite = ElementTree.parse(file).getroot()[0]
    assert {k: suite.get(k) for k in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "mood", "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip


@pytest.mark.parametrize(("share", "tag", "code"), [(0.3, "system-out", 0), (0.9, "failure", junit.BELOW)])
def test_a_gate_that_is_met_allows_a_bad_verdict(tmp_path: Path, share: float, tag: str, code: int) -> None:
    file = tmp_path / "junit.xml"
    weighed = [Gate(judge="mood", share_min=share).weigh(RESULTS)]
    junit.write(file, RESULTS, weighed)
    found = cases(file)
    assert found["s-2"] == [tag]
    assert found["mood"] == [tag]
    assert junit.exit_code(weighed) == code


def test_where_it_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--junit cannot write"):
        junit.write(tmp_path / "nowhere" / "junit.xml", RESULTS)
