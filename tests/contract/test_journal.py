"""Journal: one line per decision, and nothing of a conversation or a secret in it, whatever a call site passes."""

import ast
import io
import json
from pathlib import Path
from typing import Any, Literal

import pytest

import streamer
from streamer.adapters.json_journal import CHARS_MAX, FIELDS, JsonJournal


class AtNoon:
    def now_ms(self) -> int:
        return 1_700_000_000_123

    async def sleep_ms(self, ms: int) -> None: ...


def said(form: Literal["json", "text"] = "json", level: Literal["debug", "warning"] = "debug", **fields: object) -> str:
    out = io.StringIO()
    JsonJournal(AtNoon(), level, form, out).say("info", "completed", **fields)
    return out.getvalue()


def test_a_line_is_json_with_time_level_and_event() -> None:
    expected = {"at": "2023-11-14T22:13:20.123+00:00", "level": "info", "event": "completed", "token": 7}
    assert json.loads(said(token=7)) == expected


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("name", ["password", "api_key", "rationale", "content", "message"])
def test_a_field_that_is_not_listed_is_named_and_its_value_left_out(name: str, form: Literal["json", "text"]) -> None:
    fields: dict[str, Any] = {name: "hunter2"}
    line = said(form, **fields)
    assert "hunter2" not in line
    assert name in line


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_value_cannot_begin_a_line_of_its_own_and_is_cut(form: Literal["json", "text"]) -> None:
    line = said(form, cause="a\nb\x1b[31m" + "x" * 10_000 + "\ud800")
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert len(line) < CHARS_MAX + 200


def test_below_the_level_nothing_is_said() -> None:
    assert said(level="warning") == ""


def test_every_field_that_the_code_passes_is_listed() -> None:
    passed = {
        (path.name, keyword.arg)
        for path in Path(streamer.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "say"
        for keyword in node.keywords
    }
    assert {name for _, name in passed} == FIELDS, "and no other: each is a way for text to get into logs"
