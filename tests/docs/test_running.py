"""The documents whose commands are run as they stand, in a shell, beside stand-ins for every service."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from streamer.embedded import stand_ins
from tests.docs.blocks import ROOT, blocks_of

TUTORIAL = "docs/tutorial.md"
GUIDES = tuple(
    f"docs/howto/{name}.md"
    for name in ("own-judge", "spending", "alerts", "capacity", "upgrade", "own-kafka", "own-collector")
)
SHELL_S_MAX = 900
GIVEN = ("KAFKA", "REDIS_URL", "MLFLOW_TRACKING_URI", "OPENAI_", "STREAMER_", "OTEL_")
"""What a developer's own shell may name; here all are stand-ins."""
PRELUDE = """set -eo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT
"""
WITH_TRAFFIC = """python -m streamer.embedded --env-file stand-ins.env --model-ms 50 2>/dev/null &
until [ -f stand-ins.env ]; do sleep 0.2; done
. ./stand-ins.env
cp {config} streamer.toml
python -m streamer.embedded.talk --conversations 6 --angry 2 > said.txt
streamer run --from beginning > streamer.log 2>&1 &
until [ "$(streamer feed tail --last 100 --no-follow --json | grep -c '"kind": "verdict"')" -ge 6 ]; do sleep 1; done
"""
CONFIG = """[sessions]
idle_gap_ms = "5s"
settle_ms = "1s"
trace_timeout_ms = "10s"
[[judges]]
type = "user_frustration"
[[channels]]
name = "kafka"
type = "kafka"
[http]
port = 0
"""


@pytest.mark.slow
def test_the_tutorial_goes_from_zero_to_an_alert(tmp_path: Path) -> None:
    said = _run(PRELUDE + "set -x\n" + _commands_of(TUTORIAL), tmp_path)
    assert said.count("unresolved") > 1
    assert "user_frustration-limit" in said


@pytest.mark.slow
def test_the_guides_do_what_they_say(tmp_path: Path) -> None:
    """One after the other in shells of their own, on a deployment that six conversations have gone through."""
    (tmp_path / "given.toml").write_text(CONFIG)
    pages = "".join(f"(\nset -x\n: page {page}\n{_commands_of(page)})\n" for page in GUIDES)
    said = _run(PRELUDE + WITH_TRAFFIC.format(config="given.toml") + pages, tmp_path)
    assert "Cohen's kappa" in said
    assert "Fleiss' kappa" in said


def _commands_of(page: str) -> str:
    return "".join(block.text for block in blocks_of(ROOT / page) if block.not_run is None)


def _run(script: str, home: Path) -> str:
    """What was printed, commands included, if all went well."""
    whole = stand_ins.environment(PYTHONPATH=str(ROOT), HOME=str(home), COLUMNS="200")
    given = {name: value for name, value in whole.items() if not name.startswith(GIVEN)}
    given["PATH"] = f"{_commands(home)}:{given['PATH']}"
    (home / "script.sh").write_text(script)
    command, out = ["bash", "script.sh"], home / "said.log"
    with out.open("wb") as log:
        shell = subprocess.Popen(
            command, cwd=home, env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        code = shell.wait(SHELL_S_MAX)
    finally:
        _end(shell)
    said = out.read_text(errors="replace")
    assert code == 0, said[-6000:]
    assert "Traceback" not in said
    return said


def _end(shell: "subprocess.Popen[bytes]") -> None:
    """The shell and whatever it has started."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)


def _commands(home: Path) -> Path:
    """`python` and `streamer` of this environment and this checkout."""
    folder = home / "bin"
    folder.mkdir()
    for name, call in (("python", ""), ("streamer", "-m streamer ")):
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {call}"$@"\n')
        file.chmod(0o755)
    return folder
