"""Taste that no linter knows. Each failure names the file and the remedy."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import streamer

ROOT = Path(__file__).parent.parent
LINES_MAX = 300
FUNCTION_LINES_MAX = 60
# Longer than the limit when it was set: they may only shrink, and leave this table when they fit.
LINES_KEPT = {
    "tests/contract/test_assessments.py": 310,
    "tests/contract/test_judges.py": 312,
}
# Written in halves, so that this file does not find itself.
FORBIDDEN = {
    "TO" + "DO": "do it, or open an issue",
    "FIX" + "ME": "do it, or open an issue",
    "py" + "pi.org": "a registry's address belongs to the machine's configuration",
    "proxy.go" + "lang.org": "a registry's address belongs to the machine's configuration",
    "repo.maven" + ".apache.org": "a registry's address belongs to the machine's configuration",
    "/root" + "/": "name no path of one machine",
    "/home" + "/": "name no path of one machine",
}
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
COMMAND = re.compile(r"\bmake ([a-z][a-z0-9-]*)")


@cache
def files(suffix: str) -> list[Path]:
    """What git knows or would add; the dictionary of a removed file is no file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name.endswith(suffix) and (ROOT / name).is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_project_has_files_to_look_at() -> None:
    assert len(files(".py")) > 50
    assert len(files(".lua")) > 10


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in files(".py") + files(".lua")}
    long = {name: size for name, size in sizes.items() if size > LINES_KEPT.get(name, LINES_MAX)}
    assert not long, f"split by concern (at most {LINES_MAX} lines): {long}"
    fitting = [name for name in LINES_KEPT if sizes.get(name, 0) <= LINES_MAX]
    assert not fitting, f"they fit now: take them out of LINES_KEPT: {fitting}"


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(path)}: {node.name}"
        for path in files(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert not long, f"name its steps (at most {FUNCTION_LINES_MAX} lines): {long}"


@pytest.mark.parametrize("word", sorted(FORBIDDEN))
def test_forbidden_word_stands_nowhere(word: str) -> None:
    suffixes = (".py", ".lua", ".md", ".sh", ".toml", ".yml", ".yaml", ".txt", "Makefile", "Dockerfile")
    found = [name_of(p) for suffix in suffixes for p in files(suffix) if word in p.read_text()]
    assert not found, f"{word}: {FORBIDDEN[word]}: {found}"


def test_every_test_file_has_a_test() -> None:
    """A merge once emptied one that the documents cited."""
    empty = [name_of(p) for p in files(".py") if p.name.startswith("test_") and "def test_" not in p.read_text()]
    assert not empty, f"write its tests, or delete it: {empty}"


def test_every_test_that_the_documents_cite_is_there() -> None:
    cited = [(name_of(p), path) for p in files(".md") for path in re.findall(r"\btests/[\w/]+\.py\b", p.read_text())]
    gone = [f"{page}: {path}" for page, path in cited if not (ROOT / path).is_file()]
    assert cited
    assert not gone, f"name the test that shows it: {gone}"


def test_every_script_opens_with_its_keys() -> None:
    silent = []
    for path in files(".lua"):
        comment = re.match(r"(?:--.*\n)*", path.read_text())
        if path.name != "prelude.lua" and not (comment and re.search(r"[Kk]ey|KEYS", comment.group())):
            silent.append(name_of(path))
    assert not silent, f"say in the opening comment which keys the script reads and writes: {silent}"


def test_every_relative_link_resolves() -> None:
    broken = [
        f"{name_of(page)}: {target}"
        for page in files(".md")
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken, f"links to nothing: {broken}"


def test_every_make_command_of_the_papers_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = {
        f"{name_of(page)}: make {name}"
        for page in files(".md")
        for block in re.findall(r"`+[^`]+`+", page.read_text())
        for name in COMMAND.findall(block)
        if name not in targets
    }
    assert not unknown, f"the Makefile has no such target: {unknown}"


def test_changelog_opens_with_the_version_of_the_package() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == streamer.__version__
