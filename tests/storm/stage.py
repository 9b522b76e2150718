"""What a storm blows on: real Kafka, Redis with a replica, MLflow, a scripted model, and streamer's four processes."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.embedded import stand_ins
from tests.services.kafka import KafkaServer, create_topics
from tests.services.mlflow import MlflowServer
from tests.services.redis import RedisServer
from tests.services.waiting import eventually
from tests.storm.checker import Fault
from tests.storm.switch import Switch

TOPIC, FEED = "otlp_spans", "assessments"
LETTERS = f"{TOPIC}.dlq"
MODEL_MS = 200
CUT_S = 2.5
"""How long the replica has heard nothing when it is promoted: within redis_loss_window_ms."""
ROLES = ("ingest", "ingest", "judge", "judge")
LIFE_S = {"ingest": (20, 60), "judge": (0.5, 8)}
"""A role lives so long after it has started, at least and at most. Kafka gives a killed reader's partitions away after
10 s: killed as often as judges, the group would never come to rest, and no judge would find work to be killed at."""
CONFIG = """[kafka]
bootstrap = "{kafka}"
[[sources]]
topics = ["{topic}"]
start = "beginning"
[redis]
url = "redis://127.0.0.1:{redis}/0"
[mlflow]
tracking_uri = "{mlflow}"
[sessions]
idle_gap_ms = {gap_ms}
settle_ms = 500
trace_timeout_ms = {timeout_ms}
[[judges]]
type = "user_frustration"
model = "openai:/gpt-4.1-mini"
[spending]
usd_per_day = 1000
[feed]
topic = "{feed}"
[http]
port = 0
"""


def now_ms() -> float:
    return time.time() * 1000


@dataclass(slots=True)
class Child:
    """A role's process."""

    pid: int
    log: Path
    until_s: float | None = None
    """When it is to be killed; None until it has started."""


class Stage:
    """Everything is started by `with` and gone after it."""

    def __init__(self, home: Path, gap_ms: int, chance: random.Random, say: Callable[[str], None]) -> None:
        self.home, self._gap_ms, self._random, self._say = home, gap_ms, chance, say
        self.faults: list[Fault] = []
        self._stack = ExitStack()
        self._children: list[Child] = []
        self._lives = 0
        self._lock = threading.Lock()

    def __enter__(self) -> "Stage":
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _folder(self, name: str) -> Path:
        (folder := self.home / name).mkdir(parents=True)
        return folder

    def _set_up(self) -> None:
        self.kafka = KafkaServer(self._folder("kafka"))
        self._stack.callback(self.kafka.stop)
        self.mlflow = MlflowServer(self._folder("mlflow"))
        self._stack.callback(self.mlflow.stop)
        self.redis = [RedisServer(self._folder(f"redis-{n}")) for n in range(2)]
        for server in self.redis:
            self._stack.callback(server.kill)
            server.start()
        self.switch = Switch(self.redis[0].port)
        self._stack.callback(self.switch.close)
        self._follow()
        model, address, self.model_log = stand_ins.model_endpoint(self._folder("model"), MODEL_MS)
        self._stack.callback(model.stop)
        model.start(lambda: stand_ins.written(address), 60)
        self.kafka.start()
        create_topics(self.kafka.bootstrap, {TOPIC: 4, FEED: 2, LETTERS: 1})
        self._say("Kafka, Redis and its replica, the model")
        self.mlflow.start()
        self.experiment = self._experiment()
        self._say("MLflow")
        self._start_nursery(address.read_text())
        self._children = [self._fork(role) for role in ROLES]
        self._say("two ingest and two judge processes")

    def _experiment(self) -> str:
        body = json.dumps({"name": "storm"}).encode()
        url = f"{self.mlflow.url}/api/2.0/mlflow/experiments/create"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return str(json.load(reply)["experiment_id"])

    def _start_nursery(self, model: str) -> None:
        self.config = self.home / "streamer.toml"
        said = {"kafka": self.kafka.bootstrap, "redis": self.switch.port, "mlflow": self.mlflow.url}
        timeout_ms = 2 * self._gap_ms
        self.config.write_text(
            CONFIG.format(**said, topic=TOPIC, feed=FEED, gap_ms=self._gap_ms, timeout_ms=timeout_ms)
        )
        keys = {"OPENAI_API_KEY": "none", "OPENAI_API_BASE": model, "OPENAI_BASE_URL": model}
        command = [sys.executable, "-m", "tests.storm.nursery", str(self.config)]
        log = self._stack.enter_context((self.home / "nursery.log").open("w"))
        self._nursery = self._stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=stand_ins.environment(**keys), start_new_session=True,
            )
        )  # fmt: skip
        self._stack.callback(self._end_roles)
        assert self._nursery.stdout is not None
        if self._nursery.stdout.readline() != "ready\n":
            raise RuntimeError("the nursery did not start:\n" + (self.home / "nursery.log").read_text()[-2000:])

    def _end_roles(self) -> None:
        """The nursery and all that it has forked are one process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._nursery.pid, signal.SIGKILL)

    def _fork(self, role: str) -> Child:
        with self._lock:
            self._lives += 1
            log = self.home / f"{role}-{self._lives:04d}.log"
            assert self._nursery.stdin is not None
            assert self._nursery.stdout is not None
            self._nursery.stdin.write(f"{role} {log}\n")
            self._nursery.stdin.flush()
            return Child(int(self._nursery.stdout.readline()), log)

    # ------------------------------------------------------------ faults

    def overdue(self) -> list[int]:
        """Numbers of the roles that have lived long enough."""
        found = []
        for number, (role, child) in enumerate(zip(ROLES, self._children, strict=True)):
            if child.until_s is None and child.log.exists() and " started " in child.log.read_text():
                child.until_s = time.monotonic() + self._random.uniform(*LIFE_S[role])
            if child.until_s is not None and time.monotonic() > child.until_s:
                found.append(number)
        return found

    def kill(self, number: int) -> None:
        """kill -9 of a role, and another one in its place."""
        role = ROLES[number]
        at_ms = now_ms()
        os.kill(self._children[number].pid, signal.SIGKILL)
        self.faults.append(Fault(f"kill {role}", at_ms, now_ms()))
        self._children[number] = self._fork(role)

    def ended(self) -> list[str]:
        """Roles that have ended by themselves; each is started again, as its supervisor would."""
        found = []
        for number, role in enumerate(ROLES):
            if self._is_dead(self._children[number].pid):
                found.append(role)
                self._children[number] = self._fork(role)
        return found

    def _is_dead(self, pid: int) -> bool:
        """Gone, or a zombie: the nursery buries its dead when it is spoken to next."""
        stat = Path("/proc") / str(pid) / "stat"
        return not stat.exists() or " Z " in stat.read_text()

    def restart_kafka(self) -> None:
        self._restart("kafka", self.kafka)

    def restart_mlflow(self) -> None:
        self._restart("mlflow", self.mlflow)

    def _restart(self, kind: str, server: KafkaServer | MlflowServer) -> None:
        began_ms = now_ms()
        server.program.stop(signal.SIGKILL)
        server.start()
        self.faults.append(Fault(kind, began_ms, now_ms()))

    def fail_over(self) -> None:
        """The replica's link is cut, work goes on, the primary dies, and the replica takes its place."""
        primary, replica = self.redis
        eventually(lambda: self._is_followed() or None, "the replica follows", 60)
        began_ms = now_ms()
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            time.sleep(CUT_S)
            primary.kill()
            client.execute_command("REPLICAOF", "NO", "ONE")
        self.switch.to(replica.port)
        self.faults.append(Fault("failover", began_ms, now_ms()))
        self.redis = [replica, primary]
        primary.start()
        self._follow()

    def _follow(self) -> None:
        primary, replica = self.redis
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(primary.port))

    def _is_followed(self) -> bool:
        with self.redis[0].client() as client:
            said: Any = client.info("replication")
        return bool(said.get("slave0", {}).get("state") == "online")
