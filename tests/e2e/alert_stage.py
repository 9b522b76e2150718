"""What tests of alerts stand on: a feed on real Kafka, real Redis, and streamer as anybody runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import httpx

from streamer.embedded.program import Program, free_port
from tests.services.kafka import create_topics
from tests.services.waiting import eventually

READY_S = 60


class AlertStage:
    """Topics and keys of its own."""

    def __init__(
        self,
        name: str,
        kafka: str,
        redis_url: str,
        home: Path,
        channels: Callable[[str], str] = lambda topic: "",
        *,
        letters: bool = True,
    ) -> None:
        """`channels`: tables, given the topic of alerts. `letters`: there is a topic for dead letters."""
        self.kafka, self.redis_url, self._home = kafka, redis_url, home
        self.feed, self.alerts, self.prefix = f"{name}-assessments", f"{name}-alerts", name
        create_topics(kafka, {self.feed: 4, self.alerts: 1})
        if letters:
            self.create_letters()
        self.config = home / f"{name}.toml"
        self.config.write_text(
            f'[kafka]\nbootstrap = "{kafka}"\ngroup = "{name}"\n[redis]\nurl = "{redis_url}"\nkey_prefix = "{name}"\n'
            f'[feed]\ntopic = "{self.feed}"\n[mlflow]\nexperiment_ids = ["7"]\n{channels(self.alerts)}\n'
        )
        self._producer = ck.Producer({"bootstrap.servers": kafka, "compression.type": "zstd", "linger.ms": 5})
        self._programs: list[Program] = []

    def create_letters(self) -> None:
        create_topics(self.kafka, {f"{self.feed}.dlq": 1})

    def run(self, role: str) -> Program:
        """`monitor` or `notify`, until it is ready."""
        port = free_port()
        environment = {"STREAMER_HTTP__PORT": str(port), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "streamer", role, "-c", str(self.config)]
        program = Program(f"{role}-{len(self._programs)}", command, self._home, environment)
        self._programs.append(program)

        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
            except httpx.TransportError:
                return False

        return program.start(ready, READY_S)

    def kill(self, program: Program) -> None:
        program.stop(signal.SIGKILL)

    def publish(self, values: Iterable[dict[str, Any] | bytes | None], partition: int = 0) -> None:
        for value in values:
            raw = json.dumps(value).encode() if isinstance(value, dict) else value
            while True:
                try:
                    self._producer.produce(self.feed, raw, b"k", partition)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.flush(30)

    def command(self, *words: str) -> Any:
        """What a command prints as JSON."""
        command = [sys.executable, "-m", "streamer", *words, "--json", "-c", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def accepts(self, *words: str) -> bool:
        """Whether a command does not refuse."""
        command = [sys.executable, "-m", "streamer", *words, "-c", str(self.config)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def counted(self) -> dict[str, tuple[int, int]]:
        """By series, judged and bad conversations over 7 days."""
        found = {line["series"]: line["shares"]["7d"] for line in self.command("series")}
        return {series: (week["judged"], week["hits"]) for series, week in found.items()}

    def until_counted(self, expected: dict[str, tuple[int, int]], within_s: float = 60) -> float:
        """Seconds until it was so."""
        began = time.monotonic()
        last: dict[str, tuple[int, int]] = {}

        def look() -> bool:
            nonlocal last
            last = self.counted()
            return last == expected

        try:
            eventually(lambda: look() or None, "the counts", within_s)
        except AssertionError:
            raise AssertionError(f"{last} is not {expected}{self.logs()}") from None
        return time.monotonic() - began

    def until_read(self, records: int, within_s: float = 60) -> None:
        """The monitor's group has committed so many."""
        group = self.prefix + "-monitor"

        def look() -> bool | None:
            return sum(max(0, n) for n in committed(self.kafka, group, self.feed, range(4))) >= records or None

        eventually(look, f"{records} records to be read{self.logs()}", within_s)

    def logs(self) -> str:
        return "".join(f"\n--- {p.log.name}\n{p.log.read_text()[-1500:]}" for p in self._programs if p.log.exists())

    def stop(self) -> None:
        for program in self._programs:
            program.stop()


def committed(kafka: str, group: str, topic: str, partitions: Sequence[int]) -> list[int]:
    consumer = ck.Consumer({"bootstrap.servers": kafka, "group.id": group})
    try:
        return [place.offset for place in consumer.committed([ck.TopicPartition(topic, p) for p in partitions], 10)]
    finally:
        consumer.close()
