"""MLflow's guide runs unchanged before and after streamer worked on the same server, and neither disturbs the other."""

from collections import Counter

import pytest

from tests.mlflow_guide.stage import Stage, is_ours

pytestmark = [pytest.mark.real, pytest.mark.slow]
JUDGES = {"user_frustration", "conversation_completeness", "politeness"}


async def test_the_guide_gives_the_same_results_and_each_side_keeps_its_rows(stage: Stage) -> None:
    assert stage.before["all sessions"]["values"]["late-parcel"] == {
        "user_frustration": "unresolved",
        "conversation_completeness": "no",
    }
    assert stage.before["simulated"]["rows"] == 2
    simulated = len(stage.sessions()) - 3
    assert simulated == 2

    said = await stage.bench.judge(write=True)
    assert (said["sessions"], said["ended_by"]) == (3 + simulated, "")
    assert said["written"] == {"written": 3 + simulated}
    ours = {session: [row for row in rows if is_ours(row)] for session, rows in stage.rows().items()}
    for session, rows in stage.rows().items():
        assert [row for row in rows if not is_ours(row)] == stage.rows_before[session]  # untouched, to the letter
        expected = JUDGES | ({"outcome_met"} if session == "late-parcel" else set())
        assert Counter(row["assessment_name"] for row in ours[session]) == dict.fromkeys(expected, 1)
    [tone] = [row for row in ours["late-parcel"] if row["assessment_name"] == "politeness"]
    assert tone["feedback"]["value"] == "harsh"

    after = stage.guide("evaluate")
    assert after == stage.before
    for session, rows in stage.rows().items():
        assert [row for row in rows if is_ours(row)] == ours[session]
        theirs = Counter(row["assessment_name"] for row in rows if not is_ours(row))
        before = Counter(row["assessment_name"] for row in stage.rows_before[session])
        per_run = before - Counter({"outcome": 1})
        assert theirs == before + per_run  # one more of each run of the guide
    assert (await stage.bench.judge(write=True))["judges"][0]["stood"] == 3 + simulated

    for session, traces in stage.sessions().items():  # simulated ones too
        first = min(traces, key=lambda one: (one["request_time"], one["trace_id"]))
        for trace in traces:
            written = Counter(row["assessment_name"] for row in trace.get("assessments", []) if is_ours(row))
            assert set(written.values()) <= {1}, session
            assert not written or trace["trace_id"] == first["trace_id"]
