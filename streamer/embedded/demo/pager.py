"""What scenes 5 and 6 stand on beside the stage: a monitor, the pager that it tells, and an experiment of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from streamer.embedded.demo.receiver import SECRET, Receiver
from streamer.embedded.demo.stage import JUDGE, Stage
from streamer.errors import PermanentError

BUDGET = 1_000
"""Conversations per false alarm; 300,000 unless told otherwise."""
TABLES = """
[alerting]
secrets = {{ pager = "{secret}" }}
[[channels]]
name = "pager"
type = "webhook"
url = "{url}"
[[alerts]]
judge = "{judge}"
agent = "{agent}"
conversations_per_false_alarm = {budget}
"""


class Pager:
    """Launched at once, since it takes its time; waited for where it is needed."""

    def __init__(self, stage: Stage, agent: str) -> None:
        self._s, self._agent = stage, agent
        self.receiver = Receiver()
        self.experiment_id = stage.experiment_named(f"{stage.run}-refunds")
        self.config = stage.config.with_name("monitor.toml")

    @contextmanager
    def open(self) -> Iterator["Pager"]:
        with self.receiver:
            own = {"secret": SECRET, "url": self.receiver.url, "judge": JUDGE, "agent": self._agent, "budget": BUDGET}
            known = f'[mlflow]\nexperiment_ids = ["{self.experiment_id}"]'
            text = self._s.config.read_text().replace("[mlflow]", known, 1)
            self.config.write_text(text + TABLES.format(**own))
            self._program, self._started = self._s.launch("monitor", self.config)
            yield self

    def wait(self) -> None:
        self._s.wait({"the monitor": self._started})

    @contextmanager
    def busy(self) -> Iterator[None]:
        """What is exported meanwhile is of the pager's experiment."""
        before, self._s.collector.experiment_id = self._s.collector.experiment_id, self.experiment_id
        try:
            yield
        finally:
            self._s.collector.experiment_id = before

    def shares(self) -> dict[str, tuple[int, int]]:
        """By version, conversations that were judged in seven days and bad ones, as `streamer series` says."""
        mine = [line for line in json.loads(self.run("series", "--json")) if line["who"] == self._agent]
        return {line["version"]: (line["shares"]["7d"]["judged"], line["shares"]["7d"]["hits"]) for line in mine}

    def run(self, *words: str) -> str:
        """What a command of streamer's prints."""
        command = [sys.executable, "-m", "streamer", *words, "-c", str(self.config)]
        done = subprocess.run(command, env=self._s.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PermanentError(f"streamer {' '.join(words)}: {done.stderr.strip()[-500:]}")
        return done.stdout
