"""How `make demo` fails and how it is stopped: a sentence, an exit code, no process left. It tests its own story, each
fact as it is told; here the whole of it is slow."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from streamer.core.preview import preview
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from streamer.embedded.demo import given, refunds
from streamer.embedded.demo.receiver import Receiver
from streamer.embedded.program import Program, free_port
from streamer.errors import ConfigurationError

START_S_MAX = 60


def demo(home: Path, **environment: str) -> "subprocess.Popen[str]":
    """What it keeps and starts has its files under `home`."""
    unset = {"KAFKA", "REDIS_URL", "MLFLOW_TRACKING_URI", "OPENAI_API_KEY", "DEMO_MODEL", "KEEP"}
    mine = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "streamer.embedded.demo"],
        env={**mine, "TMPDIR": str(home), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def running_under(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = [process.info["cwd"] or "", *(process.info["cmdline"] or [])]
        if any(str(home) in word for word in words):
            found.append(process)
    return found


@pytest.mark.parametrize(
    ("variable", "odd"),
    [
        ("REDIS_URL", "redis://127.0.0.1:99999999/0"),
        ("REDIS_URL", "here"),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:x"),
        ("MLFLOW_TRACKING_URI", "here"),
    ],
)
def test_a_given_address_that_is_none_is_a_sentence(variable: str, odd: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable}={odd} cannot be used: "):
        given.check({variable: odd}, [])


@pytest.mark.parametrize(
    ("variable", "scheme"), [("KAFKA", ""), ("REDIS_URL", "redis://user:C4nary@"), ("MLFLOW_TRACKING_URI", "http://")]
)
def test_a_given_service_that_does_not_answer_is_a_sentence(tmp_path: Path, variable: str, scheme: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    with demo(tmp_path, **{variable: f"{scheme}{address}"}) as process:
        said = process.communicate(timeout=START_S_MAX)[0]
    assert process.returncode == 2
    assert "cannot be used" in said
    assert f"unset {variable} to get a stand-in" in said
    assert address in said
    assert "Traceback" not in said
    assert "C4nary" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_stopped_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Kafka ready" in line:
                break
        time.sleep(1)  # streamer's own processes and the agent are being started now
        assert len(running_under(tmp_path)) >= 5
        process.send_signal(number)
        said = process.communicate(timeout=START_S_MAX)[0]
    for _ in range(50):
        if not running_under(tmp_path):
            break
        time.sleep(0.1)
    assert running_under(tmp_path) == []
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "stopped; nothing is left running" in said
        assert list(tmp_path.iterdir()) == []


def test_a_port_that_was_taken_meanwhile_is_one_sentence(tmp_path: Path) -> None:
    program = Program("redis", ["sh", "-c", "echo bind: Address already in use; exit 1"], tmp_path)
    with pytest.raises(RuntimeError, match=r"^redis ended by itself with code 1: another program took its port"):
        program.start(lambda: False, START_S_MAX)


def test_a_program_that_does_not_come_up_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho no memory; exit 3\n")
    broken.chmod(0o755)
    with demo(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}") as process:
        said = process.communicate(timeout=START_S_MAX)[0]
    assert process.returncode == 1
    assert "redis ended by itself with code 3" in said
    assert "no memory" in said
    (kept,) = tmp_path.glob("streamer-demo-*")
    assert f"logs and configuration of every process: {kept}" in said
    assert running_under(kept) == []


def test_refunds_are_conversations_like_any_other_and_no_two_are_alike() -> None:
    said = [
        *refunds.usual(1_000, [1_700_000_000_000 + n for n in range(80)]),
        refunds.rolling_out(1_081, 1_700_000_100_000),
    ]
    turns = preview([Record("t", 0, 0, 0, refunds.exported(said))], Cutter(CutRules())).turns
    assert {turn.session_id for turn in turns} == {f"refund-{n}" for n in (*range(1_000, 1_080), 1_081)}
    assert {(turn.turn.agent, turn.turn.ends_session) for turn in turns} == {(refunds.AGENT, True)}
    assert {turn.turn.service_version for turn in turns} == {refunds.OLD, refunds.NEW}
    assert len({turn.turn.user for turn in turns}) == len(said)
    assert sum("refund failed" in (t.turn.user or "") or "useless" in (t.turn.user or "") for t in turns) == 80 / 8 + 1


def test_a_pager_believes_nobody_without_the_secret() -> None:
    with Receiver() as receiver:
        forged = urllib.request.Request(receiver.url, b'{"kind": "raise"}', {"webhook-signature": "v1,AAAA"})
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(forged, timeout=5)
        assert receiver.next(0.1) is None


@pytest.mark.slow
def test_the_whole_story_is_told(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    for words in (
        *(f"Scene {n}  " for n in range(1, 7)),
        "it names the slice: version 2.0.0",
        "three conversations, each with a quote",
        "told twice in all: once that it began, once that it is over",
        "the feed on Kafka says the same",
    ):
        assert words in said
    assert list(tmp_path.iterdir()) == []
