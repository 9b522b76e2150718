"""An evaluation of records beside another one, after one that was killed, and a while later: nothing is paid twice."""

import asyncio
import signal
import subprocess
import sys
import time

import httpx
import pytest
from confluent_kafka import Producer
from redis import Redis

from streamer.app.evaluating_sources import Period
from tests.evaluate_bench import ANGRY, GLAD, Bench
from tests.services.waiting import eventually

pytestmark = pytest.mark.real
MINUTE_MS = 60_000


def put(bench: Bench, session: str, said: str, at_ms: int) -> None:
    """A record on the topic, of a trace that MLflow has, too."""
    bench.trace(session, at_ms, said)
    producer = Producer({"bootstrap.servers": bench.kafka})
    producer.produce(bench.name, bench.last_record.encode(), timestamp=at_ms)
    assert producer.flush(10) == 0


def slow_model(bench: Bench, latency_ms: int) -> None:
    order = {"latency_ms": latency_ms}
    httpx.post(f"http://127.0.0.1:{bench.model.server_port}/faults", json=order).raise_for_status()


def keys_of_records(bench: Bench) -> set[str]:
    with Redis.from_url(bench.redis) as redis:
        return {key.decode() for key in redis.scan_iter(f"{bench.name}-evaluate-records-*", 1_000)}


async def test_two_at_once_take_nothing_from_each_other(bench: Bench) -> None:
    now_ms = time.time_ns() // 1_000_000  # Kafka removes what its time says is a week old
    for n in range(6):
        put(bench, f"session {n}", ANGRY, now_ms - MINUTE_MS + n)
    slow_model(bench, 250)
    slow = asyncio.create_task(bench.judge(topic=bench.name, limits={"sessions_at_once": 1}))
    while not bench.calls():
        await asyncio.sleep(0.02)
    quick = await bench.judge(topic=bench.name, limit=1)
    assert not slow.done()
    assert (quick["sessions"], (await slow)["sessions"]) == (1, 6)
    assert bench.calls() <= 7  # one may have been under way twice
    assert keys_of_records(bench) == set()


async def test_keys_of_a_run_that_was_killed_go_when_it_was_not_heard_for_long(bench: Bench) -> None:
    left = {name: f"{bench.name}-evaluate-records-{name}:{{00}}:sessions" for name in ("dead", "alive")}
    now_ms = time.time_ns() // 1_000_000  # what Redis' clock says on this machine
    with Redis.from_url(bench.redis) as redis:
        for key in left.values():
            redis.zadd(key, {"session": 1})
        heard = {"dead": now_ms - 61 * MINUTE_MS, "alive": now_ms - 59 * MINUTE_MS}
        redis.zadd(f"{bench.name}-evaluate:{{00}}:runs", heard)
    assert (await bench.judge())["sessions"] == 0
    assert keys_of_records(bench) == {left["alive"]}


async def test_a_relative_period_that_has_moved_on_finds_what_was_paid_for(bench: Bench) -> None:
    now_ms = time.time_ns() // 1_000_000
    put(bench, "long ago", ANGRY, now_ms - 180 * MINUTE_MS)
    put(bench, "straddles", ANGRY, now_ms - 50 * MINUTE_MS)
    put(bench, "straddles", GLAD, now_ms - 10 * MINUTE_MS)
    first = await bench.judge(topic=bench.name, period=Period(now_ms - 60 * MINUTE_MS))
    assert (first["sessions"], first["turns"], bench.calls()) == (1, 2, 1)
    later = await bench.judge(topic=bench.name, period=Period(now_ms - 30 * MINUTE_MS))
    assert (later["sessions"], later["turns"], bench.calls()) == (1, 2, 1)  # whole, so the same words
    assert later["judges"][0]["calls"] == 0


@pytest.mark.slow
def test_killed_in_the_middle_of_a_topic_it_goes_on_and_pays_for_no_answer_twice(bench: Bench) -> None:
    now_ms, sessions, at_once = time.time_ns() // 1_000_000, 24, 8
    for n in range(sessions):
        put(bench, f"session {n}", f"{ANGRY} {n}", now_ms - MINUTE_MS + n)
    slow_model(bench, 300)
    command = [sys.executable, "-m", "streamer", "evaluate", "-t", bench.name, "--since", "2m", "-c", str(bench.config)]
    running = subprocess.Popen(command, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: bench.calls() >= at_once + 2 or None, "some calls", 120)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = bench.calls()
    assert keys_of_records(bench)
    again = bench.run("evaluate", "-t", bench.name, "--since", "30m", "--json")
    assert f'"sessions": {sessions}' in again.stdout
    assert bench.calls() <= sessions + at_once
    assert bench.calls() - before <= sessions - (before - at_once)
