"""What the demo stands on: services, the agent, streamer's own processes, and what can be read back from them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import redis

from streamer.embedded import stand_ins
from streamer.embedded.collector import Collector
from streamer.embedded.program import Program

TOPIC, FEED = "otlp_spans", "assessments"
GAP_MS = 3_000
"""The quiet gap of the demo: 15 min in production."""
MODEL_MS = 300
STREAMER_S_MAX = 90
"""Importing MLflow takes seconds, more on a busy machine."""
JUDGE = "user_frustration"

CONFIG = """[kafka]
bootstrap = "{kafka}"
group = "{group}"
[[sources]]
topics = ["{topic}"]
[redis]
url = "{redis}"
key_prefix = "{prefix}"
[mlflow]
tracking_uri = "{mlflow}"
namespace = "{prefix}"
[sessions]
idle_gap_ms = {gap}
settle_ms = 500
trace_timeout_ms = 8000
[[judges]]
type = "user_frustration"
model = "{model}"
[feed]
topic = "{feed}"
[http]
port = 0
[log]
level = "info"
"""


class Stage:
    """Everything is started by `with` and gone after it, also after Ctrl-C."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self._home, self._say = home, say
        self._stack = ExitStack()
        self.standing_in: list[str] = []
        self.model_log: Path | None = None

    def __enter__(self) -> "Stage":
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ------------------------------------------------------------ setting up

    def _set_up(self) -> None:
        self._run = run = f"demo{time.time_ns() // 1_000_000:x}"
        topics = {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1}
        self.kafka = self._service(
            "KAFKA", "Kafka: librdkafka's mock cluster", lambda: stand_ins.kafka(self._home, topics)
        )
        self.redis = self._service("REDIS_URL", "Redis: a redis-server of its own", lambda: stand_ins.redis(self._home))
        self.mlflow = self._service(
            "MLFLOW_TRACKING_URI", "MLflow: a server on SQLite", lambda: stand_ins.mlflow(self._home)
        )
        self._model()
        self.experiment_id = self._experiment(run)
        values = {"kafka": self.kafka, "redis": self.redis, "mlflow": self.mlflow, "model": self.model, "group": run}
        text = CONFIG.format(**values, topic=TOPIC, feed=FEED, prefix=run, gap=GAP_MS)
        self.config = self._home / "streamer.toml"
        self.config.write_text(text)
        self.collector = self._stack.enter_context(Collector(self.kafka, TOPIC, self.mlflow, self.experiment_id))
        self.ingest = self._streamer("ingest")
        self.judge = self._streamer("judge")
        self._agent = self._start_agent()
        self._await_watermark()
        self._start_of_feed = self._feed_ends()

    def _service(self, variable: str, name: str, start: Callable[[], tuple[Program, str]]) -> str:
        if given := os.environ.get(variable):
            self._say(f"  {variable} = {given}")
            return given
        began = time.monotonic()
        program, address = start()
        self._stack.callback(program.stop)
        self.standing_in.append(name)
        self._say(f"  {name}, {address} ({time.monotonic() - began:.1f} s)")
        return address

    def _model(self) -> None:
        self.environment = stand_ins.environment()
        if os.environ.get("OPENAI_API_KEY") or os.environ.get("DEMO_MODEL"):
            self.model = os.environ.get("DEMO_MODEL", "openai:/gpt-4.1-mini")
            self._say(f"  model: {self.model}, with your key")
            return
        program, base_url, self.model_log = stand_ins.model(self._home, MODEL_MS)
        self._stack.callback(program.stop)
        self.model = "openai:/gpt-4.1-mini"
        self.standing_in.append("the language model: a script that reads the transcript it is sent")
        self._say(f"  model: scripted, behind a real OpenAI-compatible endpoint, {base_url}")
        self.environment |= {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": base_url, "OPENAI_BASE_URL": base_url}

    def _experiment(self, name: str) -> str:
        return str(self._post("/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"])

    def _streamer(self, role: str) -> Program:
        command = [sys.executable, "-m", "streamer", role, "-c", str(self.config)]
        program = Program(f"streamer-{role}", command, self._home, self.environment)
        self._stack.callback(program.stop)
        began = program.log.stat().st_size if program.log.exists() else 0
        return program.start(lambda: " started " in program.log.read_text()[began:], STREAMER_S_MAX)

    def _await_watermark(self) -> None:
        """Ingest has joined its group and read every partition to its end."""
        command = [sys.executable, "-m", "streamer", "status", "--json", "-c", str(self.config)]
        for _ in range(STREAMER_S_MAX):
            said = json.loads(subprocess.run(command, env=self.environment, capture_output=True, check=True).stdout)
            if said["watermark_age_ms.default"] is not None:
                return
            time.sleep(0.5)
        raise RuntimeError("ingest did not begin to read: " + (self._home / "streamer-ingest.log").read_text()[-2000:])

    def _start_agent(self) -> "subprocess.Popen[str]":
        exporter = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": self.collector.endpoint,
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": "support-agent",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with (self._home / "agent.log").open("w") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "streamer.embedded.demo.agent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=stand_ins.environment(**exporter),
                start_new_session=True,
            )
        self._stack.enter_context(agent)  # closes its pipes and waits for it, once it is killed
        self._stack.callback(agent.kill)
        return agent

    # ------------------------------------------------------------ acting

    def turn(self, session: str, user: str, assistant: str) -> None:
        """The agent holds one turn; returns when it is traced and exported."""
        assert self._agent.stdin is not None
        assert self._agent.stdout is not None
        self._agent.stdin.write(json.dumps({"session": session, "user": user, "assistant": assistant}) + "\n")
        self._agent.stdin.flush()
        if not self._agent.stdout.readline():
            raise RuntimeError((self._home / "agent.log").read_text()[-2000:])

    def kill_judge(self) -> None:
        self.judge.stop(signal.SIGKILL)

    def restart_judge(self) -> None:
        self.judge = self._streamer("judge")

    def kill_ingest(self) -> None:
        self.ingest.stop(signal.SIGKILL)

    def restart_ingest(self) -> None:
        self.ingest = self._streamer("ingest")

    # ------------------------------------------------------------ reading back

    def rows(self) -> list[dict[str, Any]]:
        """Our rows on all traces of the experiment, as MLflow has them, with the trace's time."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment_id}}
        found = self._post("/api/3.0/mlflow/traces/search", {"locations": [location], "max_results": 500})
        return [
            {**row, "trace_id": trace["trace_id"]}
            for trace in found.get("traces", [])
            for row in trace.get("assessments", [])
            if "streamer.revision" in row.get("metadata", {})
        ]

    def model_calls(self) -> Counter[str]:
        """By request: how often the model was asked."""
        if self.model_log is None:
            return Counter()
        return Counter(json.loads(line)["request"] for line in self.model_log.read_text().splitlines())

    def saved_answers(self) -> int:
        """Answers of the model that have reached Redis."""
        client = redis.Redis.from_url(self.redis)
        try:
            return sum(client.hlen(key) for key in set(client.scan_iter(f"{self._run}:*:a", count=1_000)))
        finally:
            client.close()

    def _feed_ends(self) -> dict[int, int]:
        consumer = ck.Consumer({"bootstrap.servers": self.kafka, "group.id": "demo-look"})
        try:
            partitions = consumer.list_topics(FEED, timeout=10).topics[FEED].partitions
            ends = {p: consumer.get_watermark_offsets(ck.TopicPartition(FEED, p), timeout=10)[1] for p in partitions}
            return {p: max(0, end) for p, end in ends.items()}
        finally:
            consumer.close()

    def feed(self) -> list[dict[str, Any]]:
        """Values of the feed since the demo began."""
        return [json.loads(value) for value, _ in self._records(FEED, self._start_of_feed)]

    def dead_letters(self) -> list[dict[str, str]]:
        """Headers of the dead letters."""
        return [{k: v.decode() for k, v in headers if v} for _, headers in self._records(f"{TOPIC}.dlq", {})]

    def _records(self, topic: str, start: dict[int, int]) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        consumer = ck.Consumer({"bootstrap.servers": self.kafka, "group.id": "demo-look", "fetch.wait.max.ms": 20})
        found: list[tuple[bytes, list[tuple[str, bytes]]]] = []
        try:
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                first = start.get(partition, 0)
                end = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=10)[1]
                consumer.assign([ck.TopicPartition(topic, partition, first)])
                while first < end:
                    for message in consumer.consume(100, 0.5):
                        if message.error() is None:
                            found.append((message.value(), message.headers() or []))
                            first = message.offset() + 1
        finally:
            consumer.close()
        return found

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.mlflow + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer
