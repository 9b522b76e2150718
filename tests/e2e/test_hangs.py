"""Kafka hangs: its process stands still, connections stay open. streamer says so, stays alive, and ends in time."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.core.wire.records import DeadLetter, Record
from streamer.embedded.demo.stage import Stage
from streamer.errors import TransientError
from streamer.web.health import STUCK_MS
from tests.e2e.test_chain import rows_of
from tests.e2e.test_outages import WAIT_S, Killable, services, stage
from tests.services.process import Program, free_port
from tests.services.waiting import eventually

__all__ = ["services", "stage"]
pytestmark = [pytest.mark.slow, pytest.mark.real]
WITHIN_S = 10
"""stopping.within_ms, and what Python takes to end."""


@contextmanager
def hanging(services: Killable) -> Iterator[None]:
    group = services.kafka.program.pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


@contextmanager
def streamer(stage: Stage, page: str) -> Iterator[Program]:
    """All roles in one process, with its page."""
    environment = {**stage.environment, "STREAMER_HTTP__PORT": page.rpartition(":")[2]}
    command = [sys.executable, "-m", "streamer", "run", "-c", str(stage.config)]
    program = Program("streamer-run", command, stage.config.parent, environment)
    began = program.log.stat().st_size if program.log.exists() else 0
    try:
        yield program.start(lambda: " started " in program.log.read_text()[began:], 90)
    finally:
        program.stop(signal.SIGKILL)


@pytest.fixture
def page(stage: Stage) -> str:
    stage.ingest.stop()
    stage.judge.stop()
    return f"http://127.0.0.1:{free_port()}"


def status_of(page: str, path: str) -> int:
    return httpx.get(page + path, timeout=2).status_code


def test_a_hanging_kafka_is_no_reason_to_be_restarted_and_costs_no_verdict(
    stage: Stage, services: Killable, page: str
) -> None:
    with streamer(stage, page) as program:
        stage.turn("hang-1", "Where is my order?", "At your door.")
        eventually(partial(rows_of, stage, "hang-1"), "the verdict before", WAIT_S)
        stage.turn("hang-2", "Where is my order?", "At your door.")
        time.sleep(2)  # saved, to be committed in three seconds
        with hanging(services):
            eventually(lambda: status_of(page, "/readyz") == 503 or None, "not ready", 20)
            assert "kafka" in httpx.get(f"{page}/readyz", timeout=2).json()["down"]
            end = time.monotonic() + STUCK_MS / 1000 + 15
            while time.monotonic() < end:
                assert status_of(page, "/livez") == 200
                time.sleep(0.5)
        eventually(lambda: status_of(page, "/readyz") == 200 or None, "ready again", WAIT_S)
        stage.turn("hang-3", "Where is my order?", "At your door.")
        for session in ("hang-2", "hang-3"):
            eventually(partial(rows_of, stage, session), f"the verdict of {session}", WAIT_S)
        assert program.log.read_text().count('service_down service="kafka"') == 1


def test_a_stop_while_kafka_hangs_ends_in_time_says_what_is_left_and_loses_nothing(
    stage: Stage, services: Killable, page: str
) -> None:
    with streamer(stage, page) as program:
        eventually(lambda: status_of(page, "/readyz") == 200 or None, "ready", WAIT_S)
        stage.turn("stop-1", "Where is my order?", "At your door.")
        time.sleep(2)
        with hanging(services):
            time.sleep(8)  # a commit is asked for, and not answered
            began = time.monotonic()
            os.kill(program.pid, signal.SIGTERM)
            assert program.wait(30) == 0
            assert time.monotonic() - began < WITHIN_S
            said = program.log.read_text()
            assert "close_hangs" in said
            assert " stopped" in said
    with streamer(stage, page):
        eventually(partial(rows_of, stage, "stop-1"), "the verdict", WAIT_S)
    assert len(rows_of(stage, "stop-1")) == 1


async def test_a_publisher_closes_at_once_and_tells_whoever_waits(services: Killable) -> None:
    publisher = KafkaPublisher({"bootstrap.servers": services.kafka.bootstrap}, "assessments")
    letters = [DeadLetter(Record("otlp_spans", 0, 0, 1, b"x"), "unreadable", "")]
    await publisher.put(letters)
    with hanging(services):
        waiting = [asyncio.create_task(publisher.put(letters)) for _ in range(3)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await publisher.close()
        assert time.monotonic() - began < 1
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(error, TransientError) for error in told)
