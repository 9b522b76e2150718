"""Every way onto Kafka that examples/ shows ends with a verdict on the right first trace; and so does a simulation."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streamer.embedded.collector import Collector
from streamer.embedded.demo.stage import JUDGE, TOPIC, Stage
from tests.services.waiting import eventually

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
WAYS = sorted(path.stem for path in (ROOT / "examples").glob("way_*.py"))
FANS_OUT = "way_e_collector_fan_out"
"""The others write to MLflow themselves: their Collector only has Kafka."""
NO_COLLECTOR = "way_g_publish_traces"
TURNS_S_MAX = 240


class KafkaOnly(Collector):
    def export(self, request: bytes) -> int:
        self.produce(request)
        return 200


class Told(NamedTuple):
    session: str
    first_trace: str
    said: str


@pytest.fixture(scope="module")
def told(stage: Stage) -> Iterator[dict[str, Told]]:
    """What each example has printed; all at once, as they wait most of their time."""
    stage.kill_ingest()
    config = stage.config.read_text()
    here = f'topics = ["{TOPIC}"]\n'
    stage.config.write_text(config.replace(here, here + 'session_fallbacks = ["resource:session.id"]\n'))
    stage.restart_ingest()
    stage.kill_judge()
    stage.restart_judge()
    with KafkaOnly(stage.kafka, TOPIC, stage.mlflow) as kafka_only:
        collectors: dict[str, Collector | None] = {FANS_OUT: stage.collector, NO_COLLECTOR: None}
        running = {way: start(stage, way, collectors.get(way, kafka_only)) for way in WAYS}
        try:
            yield {way: heard(way, program) for way, program in running.items()}
        finally:
            for program in running.values():
                program.kill()


def environment_of(stage: Stage, collector: Collector | None) -> dict[str, str]:
    given = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.endpoint} if collector is not None else {}
    return (
        stage.environment
        | given
        | {
            "STREAMER_CONFIG": str(stage.config),
            "MLFLOW_TRACKING_URI": stage.mlflow,
            "MLFLOW_EXPERIMENT_ID": stage.experiment_id,
            "KAFKA": stage.kafka,
            "PYTHONPATH": str(ROOT),
        }
    )


def start(stage: Stage, way: str, collector: Collector | None) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "examples" / f"{way}.py")]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment_of(stage, collector), stdout=pipe, stderr=pipe, text=True)


def heard(way: str, program: "subprocess.Popen[str]") -> Told:
    try:
        out, errors = program.communicate(timeout=TURNS_S_MAX)
    except subprocess.TimeoutExpired:
        program.kill()
        out, errors = program.communicate()
        raise AssertionError(f"{way} came to no verdict:\n{out}\n{errors[-3000:]}") from None
    assert program.returncode == 0, f"{way}:\n{errors[-3000:]}"
    first, said = out.splitlines()[-2:]
    return Told(way, first.removeprefix("first trace "), said)


def test_there_is_an_example_for_every_way() -> None:
    assert [way[:5] for way in WAYS] == ["way_a", "way_b", "way_c", "way_d", "way_e", "way_g"]
    for way in WAYS:
        text = (ROOT / "examples" / f"{way}.py").read_text()
        assert f"Run: python examples/{way}.py" in text
        assert "Needs:" in text


@pytest.mark.parametrize("way", WAYS)
def test_a_way_ends_with_a_verdict_on_the_right_first_trace(stage: Stage, told: dict[str, Told], way: str) -> None:
    first = told[way].first_trace
    assert first.startswith("tr-")
    assert told[way].said.startswith(f"unresolved on {first} because: ")

    def rows() -> list[dict[str, Any]]:
        return [row for row in stage.rows() if row["trace_id"] == first]

    [row] = eventually(rows, f"the row of {way}")
    session = row["metadata"]["mlflow.trace.session"]
    assert session.startswith(way[:5].replace("_", "-"))
    assert (row["assessment_name"], row["feedback"]["value"]) == (JUDGE, "unresolved")
    assert row["metadata"]["streamer.turns"] == "2"
    others = [row for row in stage.rows() if row["metadata"]["mlflow.trace.session"] == session]
    assert len(others) == 1


def test_a_simulation_through_kafka_is_judged_by_the_live_path(
    stage: Stage, told: dict[str, Told], tmp_path: Path
) -> None:
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps([{"goal": "a refund", "says": ["Hello.", "This is useless!"]}]))
    words = ["--cases", str(cases), "--agent", "tests.integration.agents:answer", "--through-kafka", "--json"]
    with KafkaOnly(stage.kafka, TOPIC, stage.mlflow) as collector:
        environment = environment_of(stage, collector) | {
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT": "true",
        }
        command = [sys.executable, "-m", "streamer", "simulate", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    [conversation] = json.loads(done.stdout)["conversations"]
    assert [(one["judge"], one["value"]) for one in conversation["judgements"]] == [(JUDGE, "unresolved")]
    assert conversation["first_trace_id"].startswith("tr-")
