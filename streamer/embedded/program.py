"""A program beside ours: started in its own process group, waited for, and gone when we are, however we end.

Rule: a program that does not come up is an error with the end of its log, never a skip.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self


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
        return self.begin().await_until(ready, timeout_s)

    def begin(self) -> Self:
        """Returns at once: `await_until` says when it is up."""
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

    def await_until(self, ready: Callable[[], bool], timeout_s: float) -> Self:
        """As `start`, of a program that has begun."""
        end = time.monotonic() + timeout_s
        while not ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"{self._name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        return self

    def wait(self, timeout_s: float) -> int:
        """The exit code of a program that ends by itself; subprocess.TimeoutExpired if it does not."""
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
            if self._process.poll() is None:
                os.killpg(self._process.pid, sent)
            try:
                self._process.wait(timeout_s)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None
