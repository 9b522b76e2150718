"""What real SDKs sent, against what must be read in it (tests/fixtures/wire/manifest.json)."""

import json
from typing import Any

import pytest

from tests.builders import FIXTURES, fixture_record, read
from tests.core.wire.not_yet import NOT_YET

MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
TURNS = [(f"{name}-{n}", entry, turn) for name, entry in MANIFEST.items() for n, turn in enumerate(entry["turns"])]
IDENTITY = (
    "session_id",
    "session_id_source",
    "user_id",
    "has_root",
    "complete",
    "spans_seen",
    "start_ns",
    "end_ns",
    "error",
)


def every_turn(about: str, only: str = "trace_id") -> pytest.MarkDecorator:
    """Turns that have the key `only`. What is in NOT_YET must fail, so that it leaves that table once it is read."""
    params = []
    for name, entry, turn in TURNS:
        reason = NOT_YET[about].get(name) or NOT_YET[about].get(name.rpartition("-")[0])
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        if only in turn:
            params.append(pytest.param([*entry["files"], *entry.get("logs", ())], turn, marks=marks, id=name))
    return pytest.mark.parametrize(("files", "expected"), params)


@every_turn("whose")
def test_whose_turn_it_is_and_when_it_was(files: list[str], expected: dict[str, Any]) -> None:
    owner, turn = read(*map(fixture_record, files), trace_id=expected["trace_id"])

    assert turn is not None
    assert owner == expected["session_id"]
    assert {key: getattr(turn, key) for key in IDENTITY} == {key: expected[key] for key in IDENTITY}
    assert list(turn.session_conflicts) == expected["session_conflicts"]


@every_turn("said")
def test_what_was_said(files: list[str], expected: dict[str, Any]) -> None:
    turn = read(*map(fixture_record, files), trace_id=expected["trace_id"]).turn

    assert turn is not None
    assert (turn.user, turn.assistant) == (expected["user"], expected["assistant"])
    assert list(turn.omitted) == expected.get("omitted", list(turn.omitted))


@every_turn("whence")
def test_where_it_was_said(files: list[str], expected: dict[str, Any]) -> None:
    turn = read(*map(fixture_record, files), trace_id=expected["trace_id"]).turn

    assert turn is not None
    assert not expected["io_source"] or turn.io_source == expected["io_source"]


@every_turn("called", only="tools")
def test_which_tools_were_called(files: list[str], expected: dict[str, Any]) -> None:
    turn = read(*map(fixture_record, files), trace_id=expected["trace_id"]).turn

    assert turn is not None
    called = [(tool.name, json.loads(tool.arguments or "null"), tool.result or None) for tool in turn.tools]
    assert called == [(tool["name"], tool["arguments"], tool["result"]) for tool in expected["tools"]]


def test_what_is_not_read_yet_is_recorded() -> None:
    known = {name for name, *_ in TURNS} | set(MANIFEST)
    assert not {name for names in NOT_YET.values() for name in names} - known
