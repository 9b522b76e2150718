"""A record is read as of the feed, or refused: nothing of it fails later, in the middle of a fold."""

import json
from typing import Any

import pytest

from streamer.core.alerts.observation import UnreadableRecord, observed
from tests.core.alerts.feeds import START_MS, verdict


def _changed(where: tuple[str, ...], value: object) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.dumps(verdict(1, START_MS)))
    place = record
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    return record


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("rationale",), 5),
        (("judge",), ["a"]),
        (("agent",), {"a": 1}),
        (("session", "first_trace_id"), 7),
        (("inclusion", "rule"), ["r"]),
        (("inclusion", "probability"), 1e-200),
        (("inclusion", "probability"), 1.5),
        (("inclusion", "probability"), float("nan")),
        (("published_at_ms",), float("inf")),
        (("published_at_ms",), 10**30),
        (("session", "end_ms"), -(10**30)),
        (("token",), 2**60),
        (("token",), "what a user said"),
        (("inclusion", "probability"), "what a user said"),
    ],
)
def test_what_could_not_be_kept_is_refused_at_once(where: tuple[str, ...], value: object) -> None:
    with pytest.raises(UnreadableRecord, match="a field of the record is of another kind") as refused:
        observed(_changed(where, value))
    assert "what a user said" not in str(refused.value)


@pytest.mark.parametrize("where", [("rationale",), ("service_version",), ("session", "first_trace_id"), ("agent",)])
def test_half_a_character_has_no_utf_8_and_becomes_one_that_has(where: tuple[str, ...]) -> None:
    seen = observed(_changed(where, "\ud83d gone"))
    said = (seen.rationale, seen.version, seen.first_trace_id, seen.agent, str(seen.series))
    assert " gone" in "".join(said)
    "".join(said).encode()


@pytest.mark.parametrize("name", ["rationale", "judge_version", "model"])
def test_null_is_nothing_said(name: str) -> None:
    assert getattr(observed(_changed((name,), None)), name) == ""


def test_models_tools_and_quote_are_read_where_they_are_told_and_bounded() -> None:
    old = observed(verdict(1, START_MS, "resolved"))
    assert (old.models, old.tools, old.quote, old.quote_turn) == ((), (), "", None)
    many = [f"tool{n}" + "x" * 200 for n in range(20)]
    said = {"models": ["m"], "tools": many, "quote": {"turn": 3, "text": "y" * 500}}
    seen = observed(verdict(1, START_MS, "resolved", **said))
    assert (seen.models, len(seen.tools), {len(name) for name in seen.tools}) == (("m",), 8, {100})
    assert (seen.quote, seen.quote_turn) == ("y" * 200, 3)


@pytest.mark.parametrize("wrong", [{"tools": "abc"}, {"models": [1]}, {"quote": "x"}, {"quote": {"text": "x"}}])
def test_a_record_whose_new_fields_are_of_another_kind_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(UnreadableRecord) as raised:
        observed(verdict(1, START_MS, "resolved", **wrong))
    assert raised.value.reason == "malformed"
