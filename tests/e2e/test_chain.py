"""From a traced conversation to one verdict in MLflow, on real Kafka, Redis and MLflow."""

import json
import re
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis

from streamer.adapters.kafka import reader as kafka_reader
from streamer.core import turn_codec
from streamer.core.ids import assessment_id
from streamer.embedded.demo.stage import FEED, JUDGE, Stage
from streamer.embedded.demo.story import truncated_record
from tests.services.waiting import eventually

IN_FLIGHT_MS = 1_500
"""From the model's log line to the answer in Redis, on a machine that runs everything at once; a call that was under
way at the kill is logged up to the model's 300 ms after it."""


def rows_of(stage: Stage, session: str) -> list[dict[str, Any]]:
    return [row for row in stage.rows() if row["metadata"]["mlflow.trace.session"] == session]


def row_at(stage: Stage, session: str, revision: int) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = [row for row in rows_of(stage, session) if row["metadata"]["streamer.revision"] == str(revision)]
        return found[0] if found else None

    return eventually(look, f"revision {revision} of {session}")


def test_a_verdict_stands_on_the_sessions_first_trace_with_its_provenance(stage: Stage) -> None:
    stage.turn("e2e-1", "My refund is missing. This is useless!", "I am sorry.")
    stage.turn("e2e-1", "Still not there.", "Please wait.")
    row = row_at(stage, "e2e-1", 1)
    assert row["feedback"]["value"] == "unresolved"
    assert "This is useless!" in row["rationale"] or "Still not there" in row["rationale"]
    first = row["trace_id"].removeprefix("tr-")
    namespace = stage.config.read_text().split('namespace = "')[1].split('"')[0]
    assert row["assessment_id"] == assessment_id(namespace, first, "e2e-1", JUDGE)
    meta = row["metadata"]
    assert meta["streamer.turns"] == "2"
    assert int(meta["mlflow.assessment.judgeInputTokens"]) > 0
    assert meta["streamer.prompt_hash"]
    assert float(meta["mlflow.assessment.judgeCost"]) > 0


def test_a_returning_user_is_judged_again_on_the_same_row_and_history_is_kept(stage: Stage) -> None:
    stage.turn("e2e-2", "I am annoyed, nothing works.", "Let me look.")
    before = row_at(stage, "e2e-2", 1)
    stage.turn("e2e-2", "It works now. Thank you!", "Great.")
    after = row_at(stage, "e2e-2", 2)
    assert len(rows_of(stage, "e2e-2")) == 1
    assert after["assessment_id"] == before["assessment_id"]
    assert (before["feedback"]["value"], after["feedback"]["value"]) == ("unresolved", "resolved")
    history = json.loads(after["metadata"]["streamer.history"])
    assert [(past["revision"], past["value"], past["turns"]) for past in history] == [(1, "unresolved", 1)]


def test_every_feed_record_is_valid_and_says_what_mlflow_says(stage: Stage) -> None:
    stage.turn("e2e-3", "This is useless, where is my parcel?", "At your door.")
    row = row_at(stage, "e2e-3", 1)
    schema = json.loads((files("streamer") / "schema" / "assessments-v1.json").read_text())

    def said() -> list[dict[str, Any]] | None:
        return [value for value in stage.feed() if value["session"]["id"] == "e2e-3"] or None

    records = eventually(said, "the feed")
    for record in stage.feed():
        jsonschema.validate(record, schema)
    assert {record["kind"] for record in records} == {"verdict", "closing"}
    verdict = next(record for record in records if record["kind"] == "verdict")
    assert verdict["value"] == row["feedback"]["value"]
    assert str(verdict["revision"]) == row["metadata"]["streamer.revision"]
    assert verdict["quote"] == {"turn": 1, "text": "This is useless, where is my parcel?"}
    # A later claim writes the row where MLflow was too slow for the one that had published.
    assert verdict["token"] <= int(row["metadata"]["streamer.token"])


def test_unreadable_records_are_dead_letters_and_cost_nothing_good(stage: Stage) -> None:
    before = len(stage.dead_letters())
    for value in (b"this is no OTLP", truncated_record()):
        stage.collector.produce(value)
    stage.turn("e2e-4", "Anybody there?", "Yes.")
    row_at(stage, "e2e-4", 1)
    letters = eventually(lambda: found if len(found := stage.dead_letters()) >= before + 2 else None, "dead letters")
    mine = letters[before:]
    assert {letter["dlq.reason"] for letter in mine} == {"unreadable", "truncated"}
    assert all(letter["dlq.topic"] == "otlp_spans" and letter["dlq.offset"].isdigit() for letter in mine)


def test_a_control_record_closes_a_session_before_its_quiet_gap(stage: Stage) -> None:
    end = {"streamer": "control", "type": "session.end", "session_id": "e2e-8", "at_ms": 2**53 - 1}
    before = len(stage.dead_letters())
    stage.turn("e2e-8", "Goodbye, and thank you!", "Goodbye.")
    stage.collector.produce(json.dumps(end).encode())
    row = row_at(stage, "e2e-8", 1)
    assert (row["metadata"]["streamer.close_reason"], row["metadata"]["streamer.interim"]) == ("ended", "false")
    told = [record for record in stage.feed() if record["session"]["id"] == "e2e-8"]
    assert {record["close_reason"] for record in told} == {"ended"}
    assert len(stage.dead_letters()) == before


@pytest.mark.parametrize(
    "words", [["explain", "e2e-6"], ["sessions"], ["status"], ["feed", "tail", "--no-follow"], ["check"]]
)
def test_commands_to_look_tell_of_a_judged_session(stage: Stage, words: list[str]) -> None:
    if not rows_of(stage, "e2e-6"):
        stage.turn("e2e-6", "[/b] Is this [red]markup[/red]?", "No.")
        row_at(stage, "e2e-6", 1)
    for form in ([], ["--json"]):
        command = [sys.executable, "-m", "streamer", *words, *form, "-c", str(stage.config)]
        done = subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if words[0] in ("explain", "feed"):
            assert "e2e-6" in done.stdout


def test_a_session_that_nobody_knows_is_a_sentence_not_a_traceback(stage: Stage) -> None:
    command = [sys.executable, "-m", "streamer", "explain", "nobody", "-c", str(stage.config)]
    done = subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no session 'nobody'" in done.stderr
    assert "Traceback" not in done.stderr


def test_kill_9_of_any_role_in_the_middle_ends_with_one_row_each_and_no_saved_answer_bought_again(
    stage: Stage,
) -> None:
    kills: list[float] = []
    sessions = [f"e2e-kill-{n}" for n in range(12)]
    for n, session in enumerate(sessions):
        stage.turn(session, f"How long does order {n} take?", "Two days.")
        if n in (4, 8):
            kills.append(time.time_ns() / 1e6)
            stage.kill_ingest()
            stage.restart_ingest()
    eventually(lambda: len([s for s in sessions if rows_of(stage, s)]) or None, "the first row")
    kills.append(time.time_ns() / 1e6)
    stage.kill_judge()
    stage.restart_judge()
    eventually(lambda: all(rows_of(stage, session) for session in sessions) or None, "all rows")
    assert {session: len(rows_of(stage, session)) for session in sessions} == dict.fromkeys(sessions, 1)
    assert stage.model_log is not None
    calls = [json.loads(line) for line in stage.model_log.read_text().splitlines()]
    answered: dict[str, int] = {}
    again = [c for c in calls if answered.setdefault(c["request"], c["at_ms"]) != c["at_ms"]]
    before_ms = [min((kill - answered[c["request"]] for kill in kills), key=abs) for c in again]
    in_flight = [-IN_FLIGHT_MS < ms < IN_FLIGHT_MS for ms in before_ms]
    assert all(in_flight), f"bought again, though answered {before_ms} ms before a kill"


def test_sigterm_ends_cleanly_and_a_restart_goes_on(stage: Stage) -> None:
    stage.turn("e2e-5", "One question.", "Sure.")
    stage.judge.stop()
    assert stage.judge.log.read_text().rstrip().splitlines()[-1].split()[2] == "stopped"
    stage.restart_judge()
    row_at(stage, "e2e-5", 1)
    assert len(rows_of(stage, "e2e-5")) == 1


def settings_in(client: redis.Redis, key: bytes) -> dict[bytes, bytes]:
    """What is in force, without when a worker of it was last heard."""
    held: Any = client.hgetall(key)
    return {name: value for name, value in held.items() if name != b"alive"}


def test_a_dry_run_tells_the_cost_and_leaves_nothing_behind(stage: Stage) -> None:
    if not rows_of(stage, "e2e-dry"):
        stage.turn("e2e-dry", "What does it cost?", "Ten euros.")
        row_at(stage, "e2e-dry", 1)
    with redis.Redis.from_url(stage.redis) as client:
        before = sorted(client.scan_iter("*config"))
        in_force = [settings_in(client, key) for key in before]
        calls = sum(stage.model_calls().values())
        words = ["run", "--dry-run", "--from", "beginning", "--for", "25", "-c", str(stage.config)]
        command = [sys.executable, "-m", "streamer", *words]
        done = subprocess.run(command, env=stage.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said = re.search(r"would have judged (\d+) sessions? for about \$(\d+\.\d+)", done.stdout)
        assert said is not None
        assert int(said[1]) > 0
        assert float(said[2]) > 0
        assert sum(stage.model_calls().values()) == calls
        assert not list(client.scan_iter("*dry-run*"))
        assert [settings_in(client, key) for key in before] == in_force


def command(stage: Stage, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streamer", *words], env=stage.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_session_is_explained_taken_out_and_decided_again(stage: Stage, tmp_path: Path) -> None:
    stage.turn("e2e-why", "My parcel from Zanzibar is missing!", "I am sorry.")
    row_at(stage, "e2e-why", 1)
    config, file = ("-c", str(stage.config)), str(tmp_path / "case.json")
    said = command(stage, "explain", "e2e-why", *config)
    for words in ("its quiet gap had passed", "bought 1 answer", "judged, revision 1, on MLflow and the feed", "a-"):
        assert words in said
    command(stage, "explain", "e2e-why", "--export", file, *config)
    assert "Zanzibar" not in Path(file).read_text()
    assert "decides the same" in command(stage, "replay", file)
    lines = [json.loads(line) for line in command(stage, "ledger", *config).splitlines()]
    mine = next(line for line in lines if line["session_id"] == "e2e-why")
    assert (mine["state"], mine["revision"], mine["on_mlflow"], mine["rationale"]) == ("judged", 1, True, None)


def test_a_user_who_is_forgotten_is_gone_from_redis_and_mlflow_and_the_feed_is_told(stage: Stage) -> None:
    stage.turn("e2e-gone", "My secret is Xanadu, and nothing works!", "I am sorry.")
    row = row_at(stage, "e2e-gone", 1)
    config = ("-c", str(stage.config))
    planned = json.loads(command(stage, "forget", "--session", "e2e-gone", "--json", *config))
    assert planned["dry_run"]
    assert [one["assessment_id"] for one in planned["sessions"][0]["rows"]] == [row["assessment_id"]]
    assert rows_of(stage, "e2e-gone")
    done = json.loads(command(stage, "forget", "--session", "e2e-gone", "--yes", "--json", *config))
    assert [one["at_rest"] for one in done["erased"]] == [True]
    assert rows_of(stage, "e2e-gone") == []
    assert {place["where"] for place in done["unreached"]} >= {"Kafka topic otlp_spans", "MLflow"}
    with redis.Redis.from_url(stage.redis) as client:
        (base,) = list(client.scan_iter(f"*:s:{planned['sessions'][0]['key']}"))
        turns: Any = client.hvals(base.decode() + ":t")
        ledger: Any = client.hvals(base.decode() + ":l")
        assert [turn_codec.unpack(raw.partition(b":")[2]).user for raw in turns] == [None]
        assert ledger
        assert not any(b"Xanadu" in raw for raw in ledger)
        assert not client.exists(base.decode() + ":m", base.decode() + ":a")
        (trace,) = list(client.scan_iter(f"*{planned['sessions'][0]['traces'][0]}"))
        fields: Any = client.hkeys(trace)
        assert not any(name.startswith(b"f") for name in fields)
    buried = [(key, value) for key, value in feed_of(stage) if "e2e-gone" in key]
    assert {key for key, value in buried if value is None} == {key for key, _ in buried}
    assert buried[-1][1] is None
    stage.turn("e2e-gone", "Hello again, it works now. Thank you!", "Great.")
    again = eventually(lambda: rows_of(stage, "e2e-gone"), "a verdict of the new conversation")
    assert [row["metadata"]["streamer.turns"] for row in again] == ["1"]


def feed_of(stage: Stage) -> list[tuple[str, bytes | None]]:
    """Keys and values of the feed, tombstones too."""
    records = kafka_reader.whole({"bootstrap.servers": stage.kafka}, FEED)
    return [((record.key or b"").decode(), record.value) for record in records]
