"""The feed's records: valid under the published schema whatever sessions are called, and the same fact twice is one."""

import json
from dataclasses import replace
from importlib.resources import files
from typing import get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.erasure import bare
from streamer.core.feed import (
    FeedRecord,
    closing_record,
    emptied_record,
    failure_record,
    retraction_record,
    verdict_record,
)
from streamer.core.feed_event import event_of
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry, Past
from streamer.core.session import Claim, SessionRef, SessionState
from streamer.core.turn import ToolEvent, Turn
from streamer.core.verdict import FailureKind, JudgeFailure, Usage, Verdict

SCHEMA = json.loads(files("streamer").joinpath("schema/assessments-v1.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SPEC = JudgeSpec(type="user_frustration", name="user_frustration", model="openai:/gpt-4.1-mini")
VERDICT = Verdict(value="frustrated", rationale="Asked three times.", usage=Usage(requests=1, cost_usd=None))
JUDGED = Entry(
    state="judged", generation=1, judge_version=SPEC.version, transcript_hash="ab" * 16, verdict=VERDICT, revision=2
)
FAILED = replace(JUDGED, state="failed", verdict=None, failure=JudgeFailure(kind="refused", detail="declined"))
NOW_MS = 1_800_000_000_000


def turn(trace_id: str = "0a" * 16, **said: str | None) -> Turn:
    return Turn(trace_id=trace_id, version=1, start_ns=10**18, end_ns=10**18 + 5, user="u", assistant="a", **said)  # type: ignore[arg-type]


def claim_of(session_id: str = "s", tenant: str = "t", token: int = 7, turns: tuple[Turn, ...] = ()) -> Claim:
    return Claim(
        session=SessionRef(Scope("main", tenant), session_id),
        token=token,
        generation=1,
        watermark_ms=0,
        claimed_at_ms=0,
        due="quiet",
        interrupted=False,
        state=SessionState(version=4, ledger={SPEC.name: JUDGED}, turns={t.trace_id: t for t in turns}),
    )


def every_record(claim: Claim, turns: tuple[Turn, ...]) -> list[FeedRecord]:
    return [
        verdict_record("n", claim, SPEC, JUDGED, turns, "quiet", NOW_MS),
        failure_record("n", claim, SPEC, FAILED, turns, "ended", NOW_MS),
        retraction_record("n", claim, SPEC.name, SPEC.version, NOW_MS),
        closing_record("n", claim, [SPEC], {SPEC.name: FAILED}, turns, "max_age", NOW_MS),
        closing_record("n", claim, [SPEC], {}, (), "empty", NOW_MS),
        emptied_record("n", claim, [SPEC], {SPEC.name: JUDGED}, NOW_MS),
    ]


def test_the_schema_is_a_schema_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for kind in ("verdict", "failure", "retracted", "closing"):
        for name, property_ in SCHEMA["$defs"][kind]["properties"].items():
            assert "description" in property_ or "$ref" in property_, name


def test_the_schema_knows_every_kind_of_failure() -> None:
    known = SCHEMA["$defs"]["failure"]["properties"]["failure"]["properties"]["kind"]["enum"]
    assert set(known) == set(get_args(FailureKind))


@given(session=st.text(max_size=50), tenant=st.text(max_size=20), agent=st.text(max_size=20), rationale=st.text())
def test_every_record_is_valid_and_is_json_whatever_things_are_called(
    session: str, tenant: str, agent: str, rationale: str
) -> None:
    turns = (turn(agent=agent, user_id=rationale),)
    for record in every_record(claim_of(session, tenant, turns=turns), turns):
        VALIDATOR.validate(record.value)
        assert json.loads(json.dumps(record.value).encode()) == record.value


@pytest.mark.parametrize("name", ["|", "%7C", "a|b", "ü", "x" * 100_000])
def test_a_hostile_name_cannot_break_the_record_or_its_key(name: str) -> None:
    for record in every_record(claim_of(name, name), (turn(agent=name),)):
        VALIDATOR.validate(record.value)
        json.dumps(record.value, ensure_ascii=False).encode()
        assert record.key.isascii()
        assert record.key.count("|") == 2
        assert record.series.count("|") == 1


def test_text_that_has_no_utf_8_form_is_published_all_the_same() -> None:
    entry = replace(JUDGED, verdict=replace(VERDICT, rationale="half an emoji: \ud800"))
    record = verdict_record("n", claim_of(), SPEC, entry, (turn(agent="\ud800"),), "quiet", NOW_MS)
    json.dumps(record.value, ensure_ascii=False).encode()
    VALIDATOR.validate(record.value)


def test_a_record_with_an_unknown_property_is_refused() -> None:
    value = verdict_record("n", claim_of(), SPEC, JUDGED, (turn(),), "quiet", NOW_MS).value
    assert not VALIDATOR.is_valid({**value, "surprise": 1})


def test_published_again_by_a_later_claim_a_fact_keeps_its_event_id_and_carries_the_greater_token() -> None:
    first = every_record(claim_of(token=7), (turn(),))
    again = every_record(claim_of(token=8), (turn(),))
    assert [r.value["event_id"] for r in first] == [r.value["event_id"] for r in again]
    assert {r.value["token"] for r in again} == {8}


def test_another_transcript_revision_or_deployment_is_another_event() -> None:
    def event(entry: Entry, namespace: str = "n") -> str:
        value = verdict_record(namespace, claim_of(), SPEC, entry, (turn(),), "quiet", NOW_MS).value
        return str(value["event_id"])

    others = {event(replace(JUDGED, transcript_hash="cd")), event(replace(JUDGED, revision=3)), event(JUDGED, "m")}
    assert event(JUDGED) not in others
    assert len(others) == 3


def test_a_failed_entry_is_published_as_a_failure_without_a_value() -> None:
    record = verdict_record("n", claim_of(), SPEC, FAILED, (turn(),), "quiet", NOW_MS)
    assert record.kind == "failure"
    assert "value" not in record.value


def test_a_verdict_names_the_revision_that_it_replaces() -> None:
    past = Past(1, "content", "r", 1, NOW_MS, SPEC.version)
    entry = replace(JUDGED, history=(past,))
    assert verdict_record("n", claim_of(), SPEC, entry, (turn(),), "quiet", NOW_MS).value["supersedes"] == 1
    assert verdict_record("n", claim_of(), SPEC, JUDGED, (turn(),), "quiet", NOW_MS).value["supersedes"] is None


def test_users_are_hashed_unless_asked_otherwise_and_tenants_cannot_be_joined_by_them() -> None:
    def user(tenant: str, **users: str) -> object:
        claim, turns = claim_of(tenant=tenant), (turn(user_id="ann"),)
        return verdict_record("n", claim, SPEC, JUDGED, turns, "quiet", NOW_MS, **users).value["user_id"]  # type: ignore[arg-type]

    assert user("t") not in (None, "ann", user("other"))
    assert user("t", users="plain") == "ann"
    assert user("t", users="left_out") is None


def test_models_and_tools_are_those_used_most_and_bounded_and_the_quote_names_its_turn() -> None:
    calls = tuple(ToolEvent(name=f"tool{n:02}", arguments="", result="") for n in range(20) for _ in range(n + 1))
    first = replace(turn(), models=("m", "b"), tools=(*calls, ToolEvent(name="x" * 500, arguments="", result="")))
    second = replace(turn("0b" * 16), user="I have asked three times now!", models=("m",))
    entry = replace(JUDGED, verdict=replace(VERDICT, rationale='They write "asked three times".'))
    for record in every_record(claim_of(turns=(first, second)), (first, second)):
        VALIDATOR.validate(record.value)
    value = verdict_record("n", claim_of(), SPEC, entry, (first, second), "quiet", NOW_MS).value
    assert (value["models"], value["model"]) == (["b", "m"], SPEC.model)
    assert value["tools"] == [f"tool{n}" for n in range(12, 20)]
    assert value["quote"] == {"turn": 2, "text": "I have asked three times now!"}
    long = verdict_record("n", claim_of(), SPEC, entry, (replace(first, tools=first.tools[-1:]),), "quiet", NOW_MS)
    assert long.value["tools"] == ["x" * 100]


def test_a_record_of_before_models_tools_and_quote_were_told_is_valid_and_read() -> None:
    value = dict(verdict_record("n", claim_of(), SPEC, JUDGED, (turn(),), "quiet", NOW_MS).value)
    for name in ("models", "tools", "quote"):
        del value[name]
    VALIDATOR.validate(value)
    event = event_of(value)
    assert event is not None
    assert (event.models, event.tools, event.quote) == ((), (), None)


def test_what_is_left_of_an_erased_session_names_no_word_model_or_tool() -> None:
    said = replace(turn(), user="secret words", models=("m",), tools=(ToolEvent(name="t", arguments="", result=""),))
    left = bare([said])
    assert left is not None
    for record in every_record(claim_of(turns=(left,)), (left,)):
        assert (record.value["models"], record.value["tools"], record.value.get("quote")) == ([], [], None)


def test_a_growing_session_stays_in_its_series() -> None:
    early, late = turn(agent="refunds"), turn("0b" * 16, agent="sales")
    one = verdict_record("n", claim_of(), SPEC, JUDGED, (early,), "quiet", NOW_MS)
    two = verdict_record("n", claim_of(), SPEC, JUDGED, (early, late), "quiet", NOW_MS)
    assert one.series == two.series == "t|refunds"


def test_a_closing_says_what_became_of_every_configured_judge() -> None:
    other = replace(SPEC, name="safety")
    entries = {SPEC.name: JUDGED, other.name: FAILED}
    value = closing_record("n", claim_of(), [SPEC, other], entries, (turn(),), "quiet", NOW_MS).value
    assert [(d["judge"], d["state"], d["reason"]) for d in value["judges"]] == [
        ("user_frustration", "judged", None),
        ("safety", "failed", "refused"),
    ]
