"""What real SDKs sent, against what must be read in it (tests/fixtures/wire/manifest.json)."""

import json
from typing import Any

import pytest

from tests.builders import FIXTURES, fixture_record, read

MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
TURNS = [(name, entry["files"], turn) for name, entry in MANIFEST.items() for turn in entry["turns"]]
NAMES = [f"{name}-{n}" for name, entry in MANIFEST.items() for n in range(len(entry["turns"]))]
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


@pytest.mark.parametrize(("name", "files", "expected"), TURNS, ids=NAMES)
def test_whose_turn_it_is_and_when_it_was(name: str, files: list[str], expected: dict[str, Any]) -> None:
    owner, turn = read(*map(fixture_record, files), trace_id=expected["trace_id"])

    assert turn is not None
    assert owner == expected["session_id"]
    assert {key: getattr(turn, key) for key in IDENTITY} == {key: expected[key] for key in IDENTITY}
    assert list(turn.session_conflicts) == expected["session_conflicts"]


@pytest.mark.parametrize(("name", "files", "expected"), TURNS, ids=NAMES)
def test_what_was_said(name: str, files: list[str], expected: dict[str, Any]) -> None:
    turn = read(*map(fixture_record, files), trace_id=expected["trace_id"]).turn

    assert turn is not None
    assert (turn.user, turn.assistant) == (expected["user"], expected["assistant"])
    assert turn.io_source == expected["io_source"]
