"""The library judges what it is given, and says what is missing."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamer import judge_session, judge_traces, judge_transcript
from streamer.errors import ConfigurationError, StreamerError
from tests.api.made import TRACES, trace

HELLO = [{"role": "user", "content": "This is useless!"}, {"role": "assistant", "content": "I am sorry."}]


def calls(log: Path) -> int:
    return len(log.read_text().splitlines())


async def test_in_a_running_event_loop_it_waits_too(model_log: Path) -> None:
    [here] = judge_transcript(HELLO)
    [there] = await asyncio.to_thread(judge_transcript, HELLO)
    assert here == there
    assert (here.value, here.first_trace_id, here.calls) == ("unresolved", None, 1)


def test_traces_may_be_entities_documents_or_text(model_log: Path) -> None:
    from mlflow.entities import Trace

    entities = [Trace.from_json(text) for text in TRACES]
    for given in (TRACES, [json.loads(text) for text in TRACES], entities):
        assert [(one.session_id, one.value) for one in judge_traces(given)] == [
            ("chat-1", "resolved"), ("chat-2", "none"),
        ]  # fmt: skip


def test_traces_without_a_session_say_what_to_do_or_are_made_one(model_log: Path) -> None:
    nobodys = [trace(1, None, "Hello?", "Hello."), trace(2, None, "This is useless!", "Sorry.")]
    with pytest.raises(ConfigurationError, match=r"streamer\.instrument\.session"):
        judge_traces(nobodys)
    [one] = judge_traces(nobodys, session_id="mine")
    assert (one.session_id, one.turns, one.value) == ("mine", 2, "unresolved")


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        (["mood"], "no judge 'mood'"),
        ("user_frustration", "judges is a list"),
        (["user_frustration"] * 2, "name each judge once"),
        ([], "name each judge once"),
        ([{"type": "make_judge", "name": "tone"}], "needs instructions"),
    ],
)
def test_a_judge_that_is_none_is_said_before_anything_is_paid(model_log: Path, judges: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        judge_transcript(HELLO, judges)
    assert calls(model_log) == 0


@pytest.mark.parametrize("messages", [[], [{"role": "robot", "content": "Hello"}]])
def test_messages_that_are_none(model_log: Path, messages: list[dict[str, str]]) -> None:
    with pytest.raises(ConfigurationError):
        judge_transcript(messages)


def test_a_missing_key_is_said(model_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigurationError, match="export OPENAI_API_KEY"):
        judge_transcript(HELLO)


def test_a_model_that_refuses_gives_a_failure_and_no_low_score(model_log: Path) -> None:
    httpx.post((model_log.parent / "faults").read_text(), json={"status": 400, "times": 9})
    [one] = judge_transcript(HELLO)
    assert (one.value, one.failure) == (None, "bad_request")


def test_the_spending_limit_holds(model_log: Path, tmp_path: Path) -> None:
    (tmp_path / "streamer.toml").write_text("[evaluate]\nusd_per_day = 0.0000001\n")
    with pytest.raises(StreamerError, match="usd_per_day"):
        judge_transcript(HELLO)
    assert calls(model_log) == 0


def test_expectations_reach_the_judge(model_log: Path) -> None:
    judge = {
        "type": "make_judge", "name": "kept", "labels": ["yes", "no"],
        "instructions": "Does {{ conversation }} meet {{ expectations }}?",
    }  # fmt: skip
    [without] = judge_transcript(HELLO, [judge])
    assert without.failure == "expectations_missing"
    [one] = judge_transcript(HELLO, [judge], expectations={"outcome": "a refund"})
    assert one.value == "no"


def test_a_session_in_mlflow_is_judged_whole(model_log: Path, mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    session = f"api-{time.time_ns()}"
    for user, assistant in (("This is useless!", "Sorry."), ("It works now. Thank you!", "Good.")):
        said = {
            "session.id": session,
            "gen_ai.input.messages": json.dumps([{"role": "user", "content": user}]),
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": assistant}]),
        }
        now_ns = time.time_ns()
        span = {
            "traceId": f"{now_ns:032x}", "spanId": f"{now_ns:016x}", "name": "chat",
            "startTimeUnixNano": now_ns, "endTimeUnixNano": now_ns + 1000,
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
        }  # fmt: skip
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        headers = {"x-mlflow-experiment-id": "0"}
        httpx.post(f"{mlflow_url}/v1/traces", json=body, headers=headers, timeout=60).raise_for_status()
    [one] = judge_session(session, experiment="0")
    assert (one.value, one.turns, one.stands) == ("resolved", 2, False)
    assert str(one.first_trace_id).startswith("tr-")
    with pytest.raises(ConfigurationError, match="no trace of session 'nobody'"):
        judge_session("nobody")
    with pytest.raises(ConfigurationError, match="no experiment 'nowhere'"):
        judge_session("nobody", experiment="nowhere")
