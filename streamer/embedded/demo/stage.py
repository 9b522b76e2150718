"""What the demo stands on: services, the agent, streamer's own processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import confluent_kafka as ck
import redis

from streamer.embedded import stand_ins
from streamer.embedded.collector import Collector
from streamer.embedded.demo.look import FEED, TOPIC, Look
from streamer.embedded.program import Program
from streamer.errors import ConfigurationError

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


class Stage(Look):
    """Everything is started by `with` and gone after it, also after Ctrl-C."""

    def __init__(
        self,
        home: Path,
        say: Callable[[str], None],
        waiting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`say` is given a line of what has come up, `waiting` what is waited for meanwhile."""
        self._home, self._say, self._waiting = home, say, waiting
        self._stack = ExitStack()
        self._said_before: dict[Program, int] = {}
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
        """MLflow takes longest: it is begun first, and everything that can do without it comes up beside it."""
        self.run = run = f"demo{time.time_ns() // 1_000_000:x}"
        topics = {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1}
        self.mlflow = self._begin_mlflow()
        self.kafka = self._service(
            "KAFKA", "Kafka   stand-in, librdkafka's mock cluster", lambda: stand_ins.kafka(self._home, topics)
        )
        self.redis = self._service(
            "REDIS_URL", "Redis   stand-in, a redis-server of its own", lambda: stand_ins.redis(self._home)
        )
        self._reach()
        self._model()
        values = {"kafka": self.kafka, "redis": self.redis, "mlflow": self.mlflow, "model": self.model, "group": run}
        text = CONFIG.format(**values, topic=TOPIC, feed=FEED, prefix=run, gap=GAP_MS)
        self.config = self._home / "streamer.toml"
        self.config.write_text(text)
        self.collector = self._stack.enter_context(Collector(self.kafka, TOPIC, self.mlflow))
        self.ingest, self.judge = self._begin("ingest"), self._begin("judge")
        self._agent = self._start_agent()
        self._await_mlflow()
        for program in (self.ingest, self.judge):
            self._await_started(program)
        self._await_watermark()
        self.start_of_feed = self.feed_ends()
        self._say("  a support agent traced by MLflow; streamer ingest, streamer judge")

    def _begin_mlflow(self) -> str:
        if given := os.environ.get("MLFLOW_TRACKING_URI"):
            self._say(f"  MLFLOW_TRACKING_URI = {place(given)}")
            self._mlflow_server = None
            return given.rstrip("/")
        self._mlflow_server, url = stand_ins.mlflow_server(self._home, f"sqlite:///{self._home / 'mlflow.db'}")
        # While it starts it does not hear SIGTERM, and its database goes with the demo.
        self._stack.callback(self._mlflow_server.stop, signal.SIGKILL)
        self._mlflow_server.begin()
        return url

    def _await_mlflow(self) -> None:
        began = time.monotonic()
        if self._mlflow_server is not None:
            with self._waiting("MLflow to start (up to a minute the first time)"):
                self._mlflow_server.await_until(lambda: stand_ins.is_healthy(self.mlflow), stand_ins.START_S_MAX)
            took_s = time.monotonic() - began
            self._say(f"  MLflow  stand-in, a server on SQLite, {place(self.mlflow)} ({took_s:.1f} s)")
        self.experiment_id = self.collector.experiment_id = self._experiment(self.run)

    def _reach(self) -> None:
        """A given service that does not answer is told now, in one sentence."""
        for variable, address, answers in (
            ("KAFKA", self.kafka, _kafka_answers),
            ("REDIS_URL", self.redis, _redis_answers),
            ("MLFLOW_TRACKING_URI", self.mlflow, stand_ins.is_healthy),
        ):
            if variable in os.environ and not answers(address):
                raise ConfigurationError(
                    f"{variable} = {place(address)} does not answer: start it, or unset {variable} for a stand-in"
                )

    def _service(self, variable: str, name: str, start: Callable[[], tuple[Program, str]]) -> str:
        if given := os.environ.get(variable):
            self._say(f"  {variable} = {place(given)}")
            return given
        began = time.monotonic()
        program, address = start()
        self._stack.callback(program.stop)
        self._say(f"  {name}, {place(address)} ({time.monotonic() - began:.1f} s)")
        return address

    def _model(self) -> None:
        self.environment = stand_ins.environment()
        if os.environ.get("OPENAI_API_KEY") or os.environ.get("DEMO_MODEL"):
            self.model = os.environ.get("DEMO_MODEL", "openai:/gpt-4.1-mini")
            self._say(f"  model   {self.model}, with your key")
            return
        program, base_url, self.model_log = stand_ins.model(self._home, MODEL_MS)
        self._stack.callback(program.stop)
        self.model = "openai:/gpt-4.1-mini"
        self._say("  model   stand-in, a script that reads what it is sent, behind a real endpoint")
        self.environment |= {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": base_url, "OPENAI_BASE_URL": base_url}

    def _experiment(self, name: str) -> str:
        return str(self.post("/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"])

    def _begin(self, role: str) -> Program:
        command = [sys.executable, "-m", "streamer", role, "-c", str(self.config)]
        program = Program(f"streamer-{role}", command, self._home, self.environment)
        self._stack.callback(program.stop)
        self._said_before[program] = program.log.stat().st_size if program.log.exists() else 0
        return program.begin()

    def _await_started(self, program: Program) -> None:
        before = self._said_before[program]
        with self._waiting("streamer to start"):
            program.await_until(lambda: b" started " in program.log.read_bytes()[before:], STREAMER_S_MAX)

    def _await_watermark(self) -> None:
        """Ingest has joined its group and read every partition to its end."""
        key = f"{self.run}:{{default}}:progress"
        with self._waiting("ingest to have read the topic"), redis.Redis.from_url(self.redis) as client:
            for _ in range(STREAMER_S_MAX * 10):
                progress = client.hvals(key)
                if progress and all(int(ms) > 0 for ms in progress):
                    return
                time.sleep(0.1)
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
        self.judge = self._begin("judge")
        self._await_started(self.judge)

    def kill_ingest(self) -> None:
        self.ingest.stop(signal.SIGKILL)

    def restart_ingest(self) -> None:
        self.ingest = self._begin("ingest")
        self._await_started(self.ingest)


def place(address: str) -> str:
    """Host and what follows: neither scheme nor password."""
    return address.rpartition("://")[2].rpartition("@")[2]


def _kafka_answers(bootstrap: str) -> bool:
    consumer = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": "demo-look", "log_level": 0})
    try:
        return bool(consumer.list_topics(timeout=10).brokers)
    except ck.KafkaException:
        return False
    finally:
        consumer.close()


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False
