"""The official Collector between an application, Kafka and MLflow: the verdict stands on its trace."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from streamer.embedded import stand_ins
from streamer.embedded.demo.stage import CONFIG, GAP_MS, STREAMER_S_MAX
from tests.services.collector import CollectorServer
from tests.services.kafka import create_topics
from tests.services.mlflow import MlflowServer
from tests.services.process import Program
from tests.services.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.real]

VERDICT_S = 120
"""The Collector repeats after some 5 s, then ever later; streamer looks for the trace every 5 s."""
NEXT_BATCH_S = 0.5
"""Longer than the Collector's batch lasts: what is said after it leaves in another request."""
SESSION_OF_MLFLOW = "mlflow.trace.session"


def in_openinference(session: str, user: str, assistant: str) -> dict[str, str]:
    return {
        "openinference.span.kind": "AGENT",
        "session.id": session,
        "input.value": user,
        "output.value": assistant,
    }


def in_gen_ai(session: str, user: str, assistant: str) -> dict[str, str]:
    def said(role: str, content: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])

    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": session,
        "gen_ai.input.messages": said("user", user),
        "gen_ai.output.messages": said("assistant", assistant),
    }


class Application:
    """A support agent traced by OpenTelemetry's SDK. It knows the Collector's address and no other."""

    def __init__(self, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": "support-agent"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("support-agent")

    def turn(self, attributes: dict[str, str]) -> str:
        """One turn, exported; the id that its trace has in MLflow."""
        with self._tracer.start_as_current_span("answer", attributes=attributes) as span:
            self._tracer.start_span("look_up").end()
        assert self._provider.force_flush()
        return f"tr-{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        self._provider.shutdown()


class Chain:
    """Application → Collector → Kafka and MLflow, and `streamer run`, with topics and an experiment of their own."""

    def __init__(self, stack: ExitStack, home: Path, otelcol: Path, kafka: str, redis_url: str) -> None:
        self._stack, self._home = stack, home
        run = f"collector{time.time_ns() // 1_000_000:x}"
        self._kafka, self._spans, self._feed = kafka, f"{run}.spans", f"{run}.feed"
        create_topics(kafka, {self._spans: 4, self._feed: 2, f"{self._spans}.dlq": 1})
        self.mlflow = MlflowServer(home).start()
        stack.callback(self.mlflow.stop)
        created = httpx.post(f"{self.mlflow.url}/api/2.0/mlflow/experiments/create", json={"name": run})
        self._experiment_id = str(created.raise_for_status().json()["experiment_id"])
        collector = CollectorServer(home, otelcol, kafka, self._spans, self.mlflow.url, self._experiment_id)
        began = time.monotonic()
        collector.start()
        stack.callback(collector.stop)
        print(f"the Collector was ready after {time.monotonic() - began:.1f} s")
        self._start_streamer(run, redis_url)
        self.application = Application(collector.endpoint)
        stack.callback(self.application.close)

    def _start_streamer(self, run: str, redis_url: str) -> None:
        model, model_url, _ = stand_ins.model(self._home, latency_ms=300)
        self._stack.callback(model.stop)
        # What the environment names wins over the file, so it has to name the servers of this chain.
        addresses = {"KAFKA": self._kafka, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": self.mlflow.url}
        key = {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": model_url, "OPENAI_BASE_URL": model_url}
        config = self._home / "streamer.toml"
        config.write_text(
            CONFIG.format(
                kafka=self._kafka,
                group=run,
                topic=self._spans,
                redis=redis_url,
                prefix=run,
                mlflow=self.mlflow.url,
                gap=GAP_MS,
                model="openai:/gpt-4.1-mini",
                feed=self._feed,
            )
        )
        streamer, environment = [sys.executable, "-m", "streamer"], stand_ins.environment(**addresses, **key)
        program = Program("streamer", [*streamer, "run", "-c", str(config)], self._home, environment)
        self._stack.callback(program.stop)
        program.start(lambda: " started " in program.log.read_text(), STREAMER_S_MAX)

        def reads() -> bool:
            status = [*streamer, "status", "--json", "-c", str(config)]
            said = json.loads(subprocess.run(status, env=environment, capture_output=True, check=True).stdout)
            return said["watermark_age_ms.default"] is not None

        # A new group begins at the topic's end: it has to be there before the first turn is traced.
        eventually(reads, "streamer at the end of its topic", STREAMER_S_MAX)

    def traces(self, session: str) -> list[dict[str, Any]]:
        """What MLflow has of a session, the first trace first."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self._experiment_id}}
        wanted = {"locations": [location], "max_results": 500, "order_by": ["timestamp_ms ASC"]}
        found = httpx.post(f"{self.mlflow.url}/api/3.0/mlflow/traces/search", json=wanted, timeout=30)
        traces: list[dict[str, Any]] = found.raise_for_status().json().get("traces", [])
        return [trace for trace in traces if trace["trace_metadata"].get(SESSION_OF_MLFLOW) == session]

    def rows(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """(trace, row) of every assessment on the session's traces."""
        return [(trace["trace_id"], row) for trace in self.traces(session) for row in trace.get("assessments", [])]

    def told(self, session: str) -> list[Any]:
        """The values of the session's verdicts on the feed."""
        settings = {"bootstrap.servers": self._kafka, "group.id": f"{self._feed}-look", "enable.auto.commit": False}
        consumer = ck.Consumer(settings)
        try:
            partitions = consumer.list_topics(self._feed, timeout=10).topics[self._feed].partitions
            consumer.assign([ck.TopicPartition(self._feed, number, ck.OFFSET_BEGINNING) for number in partitions])
            records = [json.loads(message.value()) for message in consumer.consume(100, 2) if message.error() is None]
        finally:
            consumer.close()
        return [r["value"] for r in records if r["kind"] == "verdict" and r["session"]["id"] == session]


@pytest.fixture(scope="module")
def chain(otelcol: Path, kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with ExitStack() as stack:
        yield Chain(stack, tmp_path_factory.mktemp("chain"), otelcol, kafka, redis_url)


def test_each_verdict_stands_once_on_the_first_trace_that_mlflow_got_from_the_collector(chain: Chain) -> None:
    say = chain.application.turn
    turns = {
        "angry": [
            say(in_openinference("angry", "My refund is missing. This is useless!", "I am sorry.")),
            say(in_openinference("angry", "Still not there.", "Please wait.")),
        ],
        "calm": [
            say(in_gen_ai("calm", "Where is my parcel?", "At your door.")),
            say(in_gen_ai("calm", "Found it. Thanks!", "You are welcome.")),
        ],
    }
    for session, value in (("angry", "unresolved"), ("calm", "none")):
        eventually(partial(chain.rows, session), f"the verdict on {session}", VERDICT_S)
        assert [trace["trace_id"] for trace in chain.traces(session)] == turns[session]
        [(trace_id, row)] = chain.rows(session)
        assert trace_id == turns[session][0]
        assert (row["assessment_name"], row["feedback"]["value"]) == ("user_frustration", value)
        assert (row["metadata"][SESSION_OF_MLFLOW], row["metadata"]["streamer.turns"]) == (session, "2")


def test_a_conversation_held_while_mlflow_was_stopped_has_its_verdict_once_the_collector_has_caught_up(
    chain: Chain,
) -> None:
    session = "meanwhile"
    chain.mlflow.stop()
    first = chain.application.turn(in_openinference(session, "This is the third time I ask.", "I am sorry."))
    time.sleep(NEXT_BATCH_S)
    second = chain.application.turn(in_openinference(session, "This is a waste of time.", "One moment."))
    told = eventually(partial(chain.told, session), "the verdict on the feed without MLflow", VERDICT_S)
    assert told == ["unresolved"]
    chain.mlflow.start()
    began = time.monotonic()
    eventually(partial(chain.rows, session), "the verdict on the trace", VERDICT_S)
    print(f"the verdict stood on its trace {time.monotonic() - began:.1f} s after MLflow was back")
    # The Collector repeats each batch on a clock of its own: the second turn may come well after the first.
    traces = eventually(lambda: two if len(two := chain.traces(session)) == 2 else None, "the second turn", VERDICT_S)
    assert [trace["trace_id"] for trace in traces] == [first, second]
    [(trace_id, row)] = chain.rows(session)
    assert trace_id == first
    assert (row["feedback"]["value"], row["metadata"]["streamer.turns"]) == ("unresolved", "2")
