"""`streamer alerts test` on the feed's topic, and on rows of MLflow."""

import json
from pathlib import Path

import confluent_kafka as ck
import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from streamer.core.alerts.observation import observed
from streamer.core.alerts.stored import record_of
from streamer.core.assessment import StoredRow
from streamer.core.row import SESSION_KEY
from tests.core.alerts.feeds import START_MS, history
from tests.services.kafka import create_topics

TOPIC = "history-of-alerts"
RECORDS = history(8.5, 30, spikes=[(186, 192, 6.0)])
ROW = StoredRow(
    assessment_id="a-1",
    trace_id="tr-1",
    name="user_frustration",
    source_type="LLM_JUDGE",
    source_id="openai:/gpt-4.1-mini",
    value="unresolved",
    error_code=None,
    rationale="",
    metadata={SESSION_KEY: "s1"},
    valid=True,
)


@pytest.mark.real
def test_the_topic_says_what_its_file_says(kafka: str, tmp_path: Path) -> None:
    """Partitions are read one beside the other, so that the order of arrival is none."""
    config, file = tmp_path / "streamer.toml", tmp_path / "feed.jsonl"
    create_topics(kafka, {TOPIC: 2})
    config.write_text(f'[kafka]\nbootstrap = "{kafka}"\n[feed]\ntopic = "{TOPIC}"\n')
    producer = ck.Producer({"bootstrap.servers": kafka, "log_level": 2})
    lines = [json.dumps(record) for record in RECORDS]
    for n, line in enumerate(lines):
        producer.produce(TOPIC, line, partition=n % 2)
    producer.produce(TOPIC, None, key=b"a tombstone")
    producer.produce(TOPIC, b"\xff")
    assert producer.flush(20) == 0
    file.write_text("\n".join(lines))
    of_topic = CliRunner().invoke(cli, ["alerts", "test", "--since", "1d", "--json", "-c", str(config)])
    of_file = CliRunner().invoke(cli, ["alerts", "test", "--feed", str(file), "--json", "-c", str(config)])
    assert of_topic.exception is None, of_topic.exception
    assert "1 record could not be read: history-of-alerts/" in of_topic.stderr
    assert json.loads(of_topic.stdout) == json.loads(of_file.stdout)
    assert len(json.loads(of_file.stdout)["episodes"]) == 1


def test_a_row_is_a_first_verdict() -> None:
    """MLflow's own scorers name neither revision nor chance: everybody is judged, once."""
    record = record_of(ROW, START_MS)
    assert record is not None
    seen = observed(record)
    assert (seen.value, seen.at_ms, seen.is_first, seen.judge) == ("unresolved", START_MS, True, "user_frustration")
    assert seen.in_sample_of(None)


def test_a_row_that_was_judged_again_tells_its_first_verdict() -> None:
    past = json.dumps([{"value": "none", "judge_version": "old"}, {"value": "resolved", "judge_version": "new"}])
    again = {**ROW.metadata, "streamer.history": past, "streamer.judge_version": "new", "streamer.revision": "3"}
    record = record_of(ROW._replace(metadata=again), START_MS)
    assert record is not None
    assert (record["value"], record["judge_version"], record["revision"]) == ("none", "old", 1)


@pytest.mark.parametrize(
    "changes", [{"source_type": "HUMAN"}, {"valid": False}, {"error_code": "timeout"}, {"metadata": {}}]
)
def test_what_is_no_verdict_about_a_session_is_none(changes: dict[str, object]) -> None:
    assert record_of(ROW._replace(**changes), START_MS) is None  # type: ignore[arg-type]
