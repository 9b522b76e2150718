"""Verdicts as a JUnit file and as an exit code, so that a pipeline shows them like any other test.

Rule: a bad verdict is a failed test, unless a gate of its judge was met: then it is what the gate allows. A judge
failure is an error, never a failed test. Format: the JUnit schema that Jenkins, GitLab and GitHub's reporters read.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from streamer.core.gate import GOOD, Gate, Scored, Weighed
from streamer.errors import ConfigurationError

BELOW = 3
"""Exit code where a gate was not met: neither an error of streamer's (1) nor a setting to change (2)."""
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(file: Path, results: Sequence[Scored], weighed: Sequence[Weighed] = (), seconds: float = 0.0) -> None:
    """One suite per judge with a test per session, and one of the gates. ConfigurationError where it cannot be
    written."""
    root = ElementTree.Element("testsuites", name="streamer", time=f"{seconds:.3f}")
    gates = {one.gate.judge: one for one in weighed}
    for judge, found in groupby(sorted(results, key=lambda one: one.judge), key=lambda one: one.judge):
        _suite(root, judge, [_case(one, gates.get(judge)) for one in found])
    if weighed:
        _suite(root, "gates", [_gate_case(one) for one in weighed])
    ElementTree.indent(root)
    try:
        ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise ConfigurationError(f"--junit cannot write {file}: {error.strerror}") from None


def exit_code(weighed: Iterable[Weighed]) -> int:
    return 0 if all(one.state == "met" for one in weighed) else BELOW


def _suite(root: ElementTree.Element, name: str, cases: Sequence[ElementTree.Element]) -> None:
    counts = {kind: sum(1 for case in cases if case.find(kind) is not None) for kind in ("failure", "error", "skipped")}
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=_plain(name),
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
    )
    suite.extend(cases)


def _case(one: Scored, weighed: Weighed | None) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_plain(one.judge), name=_plain(one.case))
    if one.failure is not None:
        ElementTree.SubElement(case, "error", type="JudgeFailure", message=_plain(one.failure))
    elif one.value is None:
        ElementTree.SubElement(case, "skipped", message="not judged")
    else:
        gate = weighed.gate if weighed else Gate(judge=one.judge, share_min=1.0, good=GOOD)
        said = f"{one.value}: {one.rationale}"
        if not gate.takes(one.value) and (weighed is None or weighed.state != "met"):
            failure = ElementTree.SubElement(case, "failure", type="Verdict", message=_plain(str(one.value)))
            failure.text = _plain(one.rationale)
        else:
            ElementTree.SubElement(case, "system-out").text = _plain(said)
    return case


def _gate_case(one: Weighed) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="gates", name=_plain(one.gate.judge))
    if one.state == "met":
        ElementTree.SubElement(case, "system-out").text = str(one)
    else:
        ElementTree.SubElement(case, "failure", type="Gate", message=_plain(str(one)))
    return case


def _plain(text: str) -> str:
    """What XML may hold."""
    return _NO_XML.sub("\ufffd", text)
