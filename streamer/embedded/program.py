"""A program beside ours: started in its own process group, waited for, and gone when we are, however we end.

Rule: a program that does not come up is an error with the end of its log, never a skip.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

LOG_LINES_SHOWN = 8
PORT_TAKEN = "ddress already in use"


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """A child process whose log stands beside its files."""

    def __init__(
        self, name: str, command: Sequence[str], home: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._name = name
        self._command = list(command)
        self._home = home
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self._home / f"{self._name}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, ready: Callable[[], bool], timeout_s: float) -> Self:
        """Returns once `ready` holds; RuntimeError with the end of the log when the program ends or takes too long."""
        self.launch()
        end = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"{self._name} was not ready within {timeout_s:.0f} s{self._said()}")
            time.sleep(0.05)
        return self

    def launch(self) -> Self:
        """Does not wait: whoever launches several looks after them with `check`."""
        self._home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # When this process dies without a word its end of the pipe closes, and the shell takes the group down.
        self._watch = subprocess.Popen(
            ["sh", "-c", f"read _; kill -9 -{self._process.pid}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def check(self) -> None:
        """RuntimeError with the end of the log when the program has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            self.stop(signal.SIGKILL)
            raise RuntimeError(f"{self._name} ended by itself with code {code}{self._said()}")

    def send(self, number: signal.Signals) -> None:
        """To the whole group, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def wait(self, timeout_s: float) -> int:
        """The exit code, once it has ended by itself. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 15) -> None:
        """Ends the program's whole group; with SIGKILL after `timeout_s`. Twice is once."""
        if self._watch is not None and self._watch.stdin is not None:
            self._watch.kill()
            self._watch.wait()
            self._watch.stdin.close()
            self._watch = None
        if self._process is None:
            return
        for sent in (with_signal, signal.SIGKILL):
            self.send(sent)
            try:
                self._process.wait(timeout_s)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def _said(self) -> str:
        log = self.log.read_text(errors="replace")
        if PORT_TAKEN in log:
            return ": another program took its port meanwhile; run it again"
        lines = log.splitlines()[-LOG_LINES_SHOWN:]
        return f"; {self.log} ends with:\n" + "\n".join(f"    {line}" for line in lines)


def stop_all(programs: Iterable[Program], timeout_s: float) -> None:
    """All are asked at once, so that together they take as long as the slowest."""
    asked = list(programs)
    for program in asked:
        program.send(signal.SIGTERM)
    end = time.monotonic() + timeout_s
    for program in asked:
        program.stop(timeout_s=max(0.1, end - time.monotonic()))
