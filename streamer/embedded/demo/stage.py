"""What the demo stands on: services, the agent, streamer's own processes.

Rule: everything is started at once and waited for in sight; a program that ends by itself ends the wait.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from streamer.embedded import stand_ins
from streamer.embedded.collector import Collector
from streamer.embedded.demo import given
from streamer.embedded.demo.reading import DEAD_LETTERS, FEED, Reading
from streamer.embedded.program import Program, stop_all

TOPIC = "otlp_spans"
TOPICS = {TOPIC: 4, FEED: 2, DEAD_LETTERS: 1}
GAP_MS = 3_000
"""The quiet gap of the demo: 15 min in production."""
MODEL_MS = 300
STREAMER_S_MAX = 90
"""Importing MLflow takes seconds, more on a busy machine."""
STOP_S = 5
"""What is left in flight at the end belongs to the demo alone."""
JUDGE = "user_frustration"
DEFAULT_MODEL = "openai:/gpt-4.1-mini"
VARIABLES = ("KAFKA", "REDIS_URL", "MLFLOW_TRACKING_URI")
__all__ = ["CONFIG", "FEED", "GAP_MS", "JUDGE", "MODEL_MS", "STREAMER_S_MAX", "TOPIC", "Stage"]

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


class Stage(Reading):
    """Everything is started by `with` and gone after it, also after Ctrl-C."""

    def __init__(self, home: Path, say: Callable[[str], None], waiting: Callable[[str], None] = lambda _: None) -> None:
        self._home, self._say, self._waiting = home, say, waiting
        self._stack = ExitStack()
        self._services: list[Program] = []
        self._roles: list[Program] = []
        self.given = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
        self.scripted = not (os.environ.get("OPENAI_API_KEY") or os.environ.get("DEMO_MODEL"))
        self.model = DEFAULT_MODEL if self.scripted else os.environ.get("DEMO_MODEL") or DEFAULT_MODEL
        self.model_log = None
        self.environment = stand_ins.environment()

    @property
    def standing_in(self) -> list[str]:
        """What is not the real thing."""
        parts = {
            "KAFKA": "Kafka (librdkafka's mock cluster)",
            "REDIS_URL": "Redis (a redis-server of its own)",
            "MLFLOW_TRACKING_URI": "MLflow (its server, on SQLite)",
        }
        missing = [said for name, said in parts.items() if name not in self.given]
        return [*missing, *(["the language model (a script that reads the transcript)"] if self.scripted else [])]

    def __enter__(self) -> "Stage":
        try:
            self._set_up()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._tear_down()

    def _tear_down(self) -> None:
        self._stack.close()
        stop_all(self._roles, STOP_S)
        stop_all(self._services, STOP_S)

    # ------------------------------------------------------------ setting up

    def _set_up(self) -> None:
        self.run = f"demo{time.time_ns() // 1_000_000:x}"
        given.check(self.given, TOPICS)
        mlflow = self._launch_services()
        config = {"kafka": self.kafka, "redis": self.redis, "mlflow": self.mlflow, "model": self.model}
        self.config = self._home / "streamer.toml"
        self.config.write_text(
            CONFIG.format(**config, group=self.run, topic=TOPIC, feed=FEED, prefix=self.run, gap=GAP_MS)
        )
        self.collector = self._stack.enter_context(Collector(self.kafka, TOPIC, self.mlflow))
        self.ingest, reads = self.launch("ingest")
        self.judge, judges = self.launch("judge")
        self._agent = self._start_agent()
        self.wait(
            {
                "ingest, at the end of its topic": lambda: reads() and self.reads_everything(),
                "the agent": self._agent_speaks,
                **mlflow,
                "the judge": judges,
            }
        )
        self._hear()
        self.experiment_id = self.experiment_named(self.run)
        self.collector.experiment_id = self.experiment_id
        self._began = {topic: self._ends(topic) for topic in (FEED, DEAD_LETTERS)}

    def _launch_services(self) -> Mapping[str, Callable[[], bool]]:
        """Returns when all have an address; whether MLflow answers, which takes longest, is still to be waited for."""
        kafka, base_url = Path(), Path()
        pending: dict[str, Callable[[], bool]] = {}
        mlflow: dict[str, Callable[[], bool]] = {}
        self.mlflow = self.given.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        if not self.mlflow:
            program, self.mlflow = stand_ins.mlflow_in_one_process(self._home)
            self._launch(program)
            mlflow["MLflow"] = lambda: stand_ins.is_healthy(self.mlflow)
        if "KAFKA" not in self.given:
            program, kafka = stand_ins.kafka_cluster(self._home, TOPICS)
            self._launch(program)
            pending["Kafka"] = lambda: stand_ins.written(kafka)
        self.redis = self.given.get("REDIS_URL", "")
        if not self.redis:
            program, self.redis = stand_ins.redis_server(self._home)
            self._launch(program)
            pending["Redis"] = lambda: stand_ins.answers(self.redis)
        if self.scripted:
            program, base_url, self.model_log = stand_ins.model_endpoint(self._home, MODEL_MS)
            self._launch(program)
            pending["the model"] = lambda: stand_ins.written(base_url)
        self.wait(pending)
        self.kafka = self.given.get("KAFKA") or kafka.read_text()
        if self.scripted:
            address = base_url.read_text()
            self.environment |= {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": address, "OPENAI_BASE_URL": address}
        return mlflow

    def _launch(self, program: Program) -> None:
        self._services.append(program)
        program.launch()

    def wait(self, pending: Mapping[str, Callable[[], bool]]) -> None:
        """Says each as it is ready. RuntimeError when a program ends before, or nothing comes of one for too long."""
        left, began = dict(pending), time.monotonic()
        while left:
            for program in (*self._services, *self._roles):
                program.check()
            for name in [name for name, ready in left.items() if ready()]:
                del left[name]
                self._say(f"  {name} ready after {time.monotonic() - began:.1f} s")
            self._waiting(f"waiting for {', '.join(left)}")
            if time.monotonic() - began > stand_ins.START_S_MAX:
                raise RuntimeError(f"{', '.join(left)}: not ready within {stand_ins.START_S_MAX} s")
            time.sleep(0.05)

    def launch(self, role: str, config: Path | None = None) -> tuple[Program, Callable[[], bool]]:
        """The process, and whether it has started."""
        command = [sys.executable, "-m", "streamer", role, "-c", str(config or self.config)]
        program = Program(f"streamer-{role}", command, self._home, self.environment)
        self._roles.append(program)
        began = program.log.stat().st_size if program.log.exists() else 0
        program.launch()
        return program, lambda: " started " in program.log.read_text()[began:]

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

    def experiment_named(self, name: str) -> str:
        """A new one in MLflow; its id."""
        return str(self._post("/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"])

    # ------------------------------------------------------------ acting

    def turn(self, session: str, user: str, assistant: str) -> None:
        """The agent holds one turn; its spans are exported within a tenth of a second."""
        assert self._agent.stdin is not None
        self._agent.stdin.write(json.dumps({"session": session, "user": user, "assistant": assistant}) + "\n")
        self._agent.stdin.flush()
        self._hear()

    def _agent_speaks(self) -> bool:
        assert self._agent.stdout is not None
        return bool(select.select([self._agent.stdout], [], [], 0)[0])

    def _hear(self) -> None:
        assert self._agent.stdout is not None
        if not self._agent.stdout.readline():
            raise RuntimeError("the agent ended by itself:\n" + (self._home / "agent.log").read_text()[-2000:])

    def freeze_judge(self) -> None:
        """It stands still in the middle of whatever it does, so that others can count."""
        self.judge.send(signal.SIGSTOP)

    def thaw_judge(self) -> None:
        self.judge.send(signal.SIGCONT)

    def kill_judge(self) -> None:
        self._kill(self.judge)

    def restart_judge(self) -> None:
        self.judge = self._restarted("judge")

    def kill_ingest(self) -> None:
        self._kill(self.ingest)

    def restart_ingest(self) -> None:
        self.ingest = self._restarted("ingest")

    def _kill(self, program: Program) -> None:
        self._roles = [role for role in self._roles if role is not program]
        program.stop(signal.SIGKILL)

    def _restarted(self, role: str) -> Program:
        program, started = self.launch(role)
        self.wait({f"the new {role}": started})
        return program
