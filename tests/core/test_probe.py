"""A probe is judged like any other conversation, named as a probe wherever it goes, and in every sample."""

from dataclasses import replace
from typing import Any

import pytest

from streamer.core.alerts.lane import lanes_of
from streamer.core.alerts.observation import observed
from streamer.core.erasure import bare, silenced
from streamer.core.ids import Scope, session_key
from streamer.core.judges import JudgeSpec
from streamer.core.preview import preview
from streamer.core.probe import PREFIX, SHARE_MIN, USER, Hearing, naming, probe_turn
from streamer.core.sampling import draw
from streamer.core.session_id import SESSION_KEYS
from streamer.core.turn import Turn, is_probe
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from tests.alert_feed import verdict

SCOPE = Scope("default", "acme")
NOW_MS = 1_795_000_000_000
FRUSTRATION = JudgeSpec(type="user_frustration", name="user_frustration", model="m")
EXPECTING = JudgeSpec(type="make_judge", name="exact", model="m", instructions="{{ expectations }}")


def turn_of(named_by: str = "session.id", rules: CutRules | None = None) -> Turn:
    made = probe_turn(SCOPE, "x", NOW_MS, named_by, {"service.name": "bot"})
    (seen,) = preview([Record("t", 0, 0, NOW_MS, made.request)], Cutter(rules or CutRules())).turns
    assert seen.session_id == made.session_id
    assert seen.turn.trace_id == made.trace_id
    return seen.turn


def test_what_is_sent_is_read_as_a_whole_turn_that_ends_its_session() -> None:
    turn = turn_of()
    assert (turn.user, turn.service, turn.ends_session, turn.unscorable) == (USER, "bot", True, None)
    assert turn.end_ns // 1_000_000 == NOW_MS
    assert turn.flags == {"probe"}


@pytest.mark.parametrize("key", ["session.id", "gen_ai.conversation.id", "mlflow.trace.session"])
def test_it_names_its_session_as_the_source_wants(key: str) -> None:
    rules = CutRules(session_keys=(key,))
    assert turn_of(naming(rules.session_keys), rules).session_id_source == key


def test_it_uses_the_plainest_name_where_it_may() -> None:
    assert naming(SESSION_KEYS) == "session.id"


@pytest.mark.parametrize("nonce", ["a", "b", "3f2a"])
def test_its_id_is_in_the_sample_of_every_share(nonce: str) -> None:
    made = probe_turn(SCOPE, nonce, NOW_MS, "session.id", {})
    assert made.session_id.startswith(f"{PREFIX}{nonce}-")
    assert draw(session_key(SCOPE, made.session_id)) < SHARE_MIN


def test_what_an_erasure_leaves_of_it_is_still_a_probe() -> None:
    turn = turn_of()
    kept = bare([turn])
    assert kept is not None
    assert is_probe([kept])
    assert is_probe([silenced(turn)])
    assert not is_probe([silenced(Turn(trace_id="t", version=1, start_ns=0, end_ns=1, user="u", assistant="a"))])


def record(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "session": {"id": "p"}, **more}


def closing(state: str, rule: str = "default") -> dict[str, Any]:
    return record("closing", judges=[{"judge": "user_frustration", "state": state, "inclusion": {"rule": rule}}])


def test_it_is_over_when_every_judge_that_can_has_spoken_and_the_session_is_closed() -> None:
    hearing = Hearing.of("p", [FRUSTRATION, EXPECTING])
    hearing.hear({**record("verdict", judge="user_frustration", value="unresolved"), "session": {"id": "other"}})
    over = []
    for value in (closing("retrying"), *[record("verdict", judge="user_frustration", value="none")] * 2):
        hearing.hear(value)
        over.append(hearing.is_over)
    assert over == [False, True, True]
    assert (hearing.problem, hearing.verdicts) == ("", {"user_frustration": "none"})
    assert "expectations" in hearing.left_out["exact"]


def test_no_share_counts_it() -> None:
    said = observed(verdict("a", NOW_MS, "unresolved"))
    assert said is not None
    assert lanes_of(said)
    assert not lanes_of(replace(said, origin="probe"))


def test_a_rule_that_stops_it_is_named() -> None:
    hearing = Hearing.of("p", [FRUSTRATION])
    hearing.hear(closing("filtered", "load test"))
    assert hearing.is_over
    assert "filtered, by rule 'load test'" in hearing.problem


def test_a_judge_that_fails_is_no_success() -> None:
    hearing = Hearing.of("p", [FRUSTRATION])
    hearing.hear(record("failure", judge="user_frustration", failure={"kind": "authentication"}))
    hearing.hear(closing("failed"))
    assert hearing.is_over
    assert hearing.problem == "user_frustration failed: authentication"
