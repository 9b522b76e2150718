"""What can be seen from outside after a storm: rows in MLflow, the feed and dead letters in Kafka, the model's log.

Rule: nothing of the project is imported here.
"""

import json
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka as ck

PAGE = 500


class Row(NamedTuple):
    """A session's assessment, as MLflow shows it."""

    row_id: str
    trace_id: str
    name: str
    session: str
    value: Any
    rationale: str
    turns: int
    revision: int


class Told(NamedTuple):
    """A verdict on the feed."""

    event_id: str
    session: str
    turns: int
    value: Any
    revision: int
    token: int
    scored_at_ms: int


class Call(NamedTuple):
    """An answered model call: when the answer was given, and which messages it was asked."""

    at_ms: float
    request: str


def rows(mlflow: str, experiment: str) -> list[Row]:
    """Every assessment on every trace of the experiment that says that it is about a session."""
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    body: dict[str, Any] = {"locations": [location], "max_results": PAGE}
    found = []
    while True:
        answer = _post(f"{mlflow}/api/3.0/mlflow/traces/search", body)
        for trace in answer.get("traces", []):
            found += [_row(trace["trace_id"], raw) for raw in trace.get("assessments", []) if _about_session(raw)]
        if not answer.get("next_page_token"):
            return found
        body["page_token"] = answer["next_page_token"]


def _about_session(raw: dict[str, Any]) -> bool:
    return "feedback" in raw and "mlflow.trace.session" in raw.get("metadata", {})


def _row(trace_id: str, raw: dict[str, Any]) -> Row:
    said = raw["metadata"]
    return Row(
        row_id=raw["assessment_id"],
        trace_id=trace_id.removeprefix("tr-"),
        name=raw["assessment_name"],
        session=said["mlflow.trace.session"],
        value=raw["feedback"].get("value"),
        rationale=raw.get("rationale", ""),
        turns=int(said.get("streamer.turns", -1)),
        revision=int(said.get("streamer.revision", -1)),
    )


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def topic(kafka: str, name: str) -> list[bytes]:
    """Values of all records of a topic."""
    consumer = ck.Consumer({"bootstrap.servers": kafka, "group.id": "storm-look", "log_level": 0})
    found: list[bytes] = []
    try:
        for partition in consumer.list_topics(name, timeout=30).topics[name].partitions:
            first, end = consumer.get_watermark_offsets(ck.TopicPartition(name, partition), timeout=30)
            consumer.assign([ck.TopicPartition(name, partition, first)])
            while first < end:
                for message in consumer.consume(500, 1):
                    if message.error() is None:
                        found.append(message.value() or b"")
                        first = message.offset() + 1
    finally:
        consumer.close()
    return found


def told(kafka: str, feed: str) -> list[Told]:
    values = [json.loads(value) for value in topic(kafka, feed)]
    return [
        Told(
            event_id=value["event_id"],
            session=value["session"]["id"],
            turns=value["turns"],
            value=value["value"],
            revision=value["revision"],
            token=value["token"],
            scored_at_ms=value["scored_at_ms"],
        )
        for value in values
        if value["kind"] == "verdict"
    ]


def calls(log: Path) -> list[Call]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [Call(line["at_ms"], line["request"]) for line in lines if line["status"] == 200]
