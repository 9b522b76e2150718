"""What is read of a session that is judged apart, and what its answers come to."""

import json
from dataclasses import replace

import pytest

from streamer.cli.moments import moment
from streamer.core.evaluating import Evaluated, Judged, differing, merged, standing, turns_of
from streamer.core.gate import Gate
from streamer.core.ids import Scope
from streamer.core.judges import JudgeSpec
from streamer.core.ledger import Entry
from streamer.core.session import Facts, SessionRef, SessionState
from streamer.core.tally import Tally
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.core.wire.cut import Cutter
from streamer.core.wire.decode import CAPS
from streamer.core.wire.records import Record
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError

REF = SessionRef(Scope("spans", "t"), "chat")
SPEC = JudgeSpec(type="user_frustration", name="j", model="openai:/m")


def turn(trace: str, version: int = 1, **more: object) -> Turn:
    base = Turn(trace_id=trace, version=version, start_ns=1, end_ns=2, user=f"of {trace}", assistant="Hi.")
    return replace(base, **more)  # type: ignore[arg-type]


def test_a_trace_as_mlflow_s_rest_api_answers_it_is_a_turn_with_session_user_and_service() -> None:
    attributes = [
        {"key": "mlflow.spanType", "value": {"string_value": "AGENT"}},
        {
            "key": "mlflow.spanInputs",
            "value": {"string_value": '{"messages": [{"role": "user", "content": "Hello?"}]}'},
        },
        {"key": "mlflow.spanOutputs", "value": {"string_value": '"Hi."'}},
    ]
    span = {
        "trace_id": "reoYjun2z3PkCRwUCYFBQA==", "span_id": "ilNRF9SJ1AM=", "name": "agent",
        "start_time_unix_nano": 5 * 10**18, "end_time_unix_nano": 5 * 10**18 + 9, "attributes": attributes,
    }  # fmt: skip
    info = {
        "trace_id": "tr-adea188ee9f6cf73e4091c1409814140",
        "trace_metadata": {"mlflow.trace.session": "chat", "mlflow.trace.user": "ada"},
        "tags": {
            "service.name": "support",
            "service.version": "2.4",
            "deployment.environment": "prod",
            "mlflow.x": "y",
        },
    }
    document = json.dumps({"info": info, "data": {"spans": [span]}}).encode()
    cutter = Cutter(CutRules(tenant="t", encoding="mlflow_json", keep="all"))
    [(trace_id, read)] = turns_of([Record("", 0, 0, 0, document)], cutter, CAPS, None, frozenset()).items()
    assert trace_id == "adea188ee9f6cf73e4091c1409814140"
    assert (read.user, read.assistant, read.session_id, read.user_id) == ("Hello?", "Hi.", "chat", "ada")
    assert (read.service, read.service_version, read.environment) == ("support", "2.4", "prod")


def test_what_the_live_path_knows_of_a_session_stands_before_mlflow_s() -> None:
    read = {name: turn(name) for name in ("kept", "erased", "moved", "others", "new")}
    kept = {
        "kept": turn("kept", 7, user="as live read it"),
        "moved": turn("moved", 0),
        "only_live": turn("only_live", 3),
    }
    facts = {
        "erased": Facts((), 1, (), None, True, True),
        "others": Facts(("another",), 1, (), "another", True),
        "kept": Facts(("chat",), 7, (), "chat", True),
    }
    found = merged(REF, read, facts, SessionState(turns=kept))
    assert sorted(found) == ["kept", "new", "only_live"]
    assert found["kept"].user == "as live read it"


def test_a_verdict_stands_only_for_the_same_judge_and_the_same_words() -> None:
    transcript = Transcript(session_id="chat", turns=(turn("a"),), hash="h")
    entry = Entry(
        state="judged", generation=1, judge_version=SPEC.version, transcript_hash="h", revision=1, mlflow=True,
        feed=True, verdict=Verdict(value="none", rationale=""),
    )  # fmt: skip
    stands = standing(entry, SPEC, transcript)
    assert stands is not None
    assert (stands.stands, stands.owed) == (True, False)
    owed = standing(replace(entry, mlflow=False), SPEC, transcript)
    assert owed is not None
    assert owed.owed
    for other in (
        replace(entry, transcript_hash="other"),
        replace(entry, judge_version="other"),
        replace(entry, state="sampled_out"),
        None,
    ):
        assert standing(other, SPEC, transcript) is None
    assert differing([SPEC], {"j": "other"}) == ["j"]
    assert differing([SPEC], {"j": SPEC.version, "k": "x"}) == []


def test_a_tally_counts_the_first_answer_and_its_noise_and_no_failure_as_a_verdict() -> None:
    tally = Tally.of([SPEC])
    transcript = Transcript(session_id="chat", turns=(turn("a"),), hash="h")

    def done(*values: str | None) -> Evaluated:
        outcomes = [Verdict(value=v, rationale="") if v else JudgeFailure(kind="timeout", detail="") for v in values]
        judged = tuple(Judged(spec=SPEC, outcome=o, number=n, calls=1, cost_usd=0.5) for n, o in enumerate(outcomes))
        return Evaluated(ref=REF, transcript=transcript, turns={}, judged=judged)

    for one in (done("none", "none", "unresolved"), done("unresolved"), done(None)):
        tally.add(one)
    tally.add(replace(done(), skipped="spans_missing"))
    judge = tally.judges["j"]
    assert (dict(judge.values), dict(judge.failures)) == ({"none": 1, "unresolved": 1}, {"timeout": 1})
    assert judge.agreement == pytest.approx(1 / 3)
    assert (judge.repeated, tally.cost_usd, tally.sessions) == (1, 2.5, 3)
    assert tally.skipped == {"spans_missing": 1}
    weighed = judge.weigh(Gate(judge="j", share_min=0.5))
    assert (weighed.good, weighed.bad, weighed.failed, weighed.state) == (1, 1, 1, "open")


def test_moments_are_ago_or_dates() -> None:
    now_ms = 1_790_000_000_000
    assert moment("--since", "2h", now_ms) == now_ms - 7_200_000
    assert moment("--since", "2026-11-01T12:00:00Z", now_ms) == moment("--since", "2026-11-01T12:00", now_ms)
    assert moment("--since", None, now_ms) is None
    with pytest.raises(ConfigurationError, match="7d or 2h"):
        moment("--since", "yesterday", now_ms)
