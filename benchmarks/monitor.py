"""The monitor: verdicts a second of one worker with 1,000 series, on a real Redis, and through Faust on a real Kafka.

The floor does what nobody can leave out: it parses the record and writes one key and one counter of it in a pipeline.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import confluent_kafka as ck
from redis import Redis

from benchmarks import cpu
from benchmarks.figure import Figure, median
from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.redis_sessions.series import RedisSeries
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.alerts.lane import LanePolicy
from streamer.core.alerts.rule import AlertRule
from streamer.core.lifecycle import Limits
from streamer.core.wire.records import Record
from streamer.loops.folding import RECORDS_MAX, Folding
from streamer.monitor.app import FaustReader
from streamer.monitor.credentials import translated
from tests.alert_feed import JUDGE, verdict
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.services.kafka import KafkaServer, create_topics
from tests.services.redis import OPTIONS, RedisServer

SERIES, VERDICTS, ROUNDS = 1_000, 12_000, 3
FAUST_VERDICTS = 30_000
TOPIC = "bench-assessments"
PER_S_MIN = 2_000.0
RULE = AlertRule(name="spike", judge=JUDGE, labels=("unresolved",))
POLICY = LanePolicy(rules=(RULE,), labels={JUDGE: ("unresolved",)}, series_max=2 * SERIES)


def run() -> list[Figure]:
    home = Path(tempfile.mkdtemp(prefix="bench-monitor-"))
    redis = RedisServer(home, options=(*OPTIONS, "--appendonly", "no")).start()
    kafka = KafkaServer(home / "kafka").start()
    try:
        return [*asyncio.run(_folding(redis)), *asyncio.run(_faust(redis, kafka.bootstrap))]
    finally:
        redis.stop()
        kafka.stop()
        shutil.rmtree(home, ignore_errors=True)


def _values(count: int, first: int = 0) -> list[bytes]:
    """Over all series in turn, of the last hours, one in twelve bad; each has used a model and two tools."""
    now_ms = SystemClock().now_ms()
    return [
        json.dumps(
            verdict(
                f"b{n}",
                now_ms - (count - n + first),
                "unresolved" if n % 12 == 5 else "resolved",
                agent=f"bot{n % SERIES}",
                models=["gpt-5-mini"],
                tools=["lookup_order", f"tool{n % 7}"],
                quote={"turn": 2, "text": "I have asked three times now, where is my refund?"},
            )
        ).encode()
        for n in range(first, first + count)
    ]


def _batches(values: Sequence[bytes]) -> list[list[Record]]:
    found = [Record(TOPIC, 0, n, 0, value) for n, value in enumerate(values)]
    return [found[n : n + RECORDS_MAX] for n in range(0, len(found), RECORDS_MAX)]


class NoLetters:
    async def put(self, letters: Sequence[object]) -> None:
        raise AssertionError("a record could not be read")


async def _folding(server: RedisServer) -> list[Figure]:
    client = server.client()
    redis = await open_redis(server.url, Limits(), turn_codec)
    folding = Folding(POLICY, RedisSeries(redis.shared), NoLetters(), SystemClock(), SilentMetrics(), SilentJournal())
    await folding.fold(_batches(_values(2 * SERIES))[0])
    rounds = []
    for n in range(ROUNDS):
        batches = _batches(_values(VERDICTS, (n + 1) * 100_000))
        began = cpu.own()
        for batch in batches:
            _floor(client, batch)
        floor = cpu.own() - began
        began, began_s, began_redis = cpu.own(), time.monotonic(), cpu.of_redis(client)
        for batch in batches:
            await folding.fold(batch)
        taken = (cpu.own() - began, time.monotonic() - began_s, cpu.of_redis(client) - began_redis)
        rounds.append((floor, *taken))
    memory = client.info("memory")["used_memory"]  # type: ignore[index]
    await redis.close()
    alone = median([VERDICTS / (own + server_s) for _, own, _, server_s in rounds])
    return [
        Figure("monitor, by its CPU and Redis'", alone, "/s", PER_S_MIN, at_least=True, note=f"{SERIES:,} series"),
        Figure("  on the clock", median([VERDICTS / wall for _, _, wall, _ in rounds]), "/s"),
        Figure("  client CPU", median([own / VERDICTS for _, own, _, _ in rounds]) * 1e6, "µs/verdict"),
        Figure("  Redis CPU", median([server_s / VERDICTS for *_, server_s in rounds]) * 1e6, "µs/verdict"),
        Figure("  against the floor", median([own / floor for floor, own, _, _ in rounds]), "×"),
        Figure("  Redis memory", memory / SERIES / 1e3, "KB/series", note="with the sessions of all rounds"),
    ]


def _floor(client: Redis, batch: Sequence[Record]) -> None:
    pipeline = client.pipeline(transaction=False)
    for record in batch:
        value = json.loads(record.value or b"")
        pipeline.set(f"floor:{value['session']['id']}", value["value"], px=60_000)
        pipeline.hincrby(f"floor:{value['agent']}", value["value"], 1)
    pipeline.execute()


async def _faust(server: RedisServer, bootstrap: str) -> list[Figure]:
    create_topics(bootstrap, {TOPIC: 4})
    producer = ck.Producer({"bootstrap.servers": bootstrap, "compression.type": "zstd", "linger.ms": 20})
    for n, value in enumerate(_values(FAUST_VERDICTS, 10_000_000)):
        while True:
            try:
                producer.produce(TOPIC, value, b"k", n % SERIES % 4)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    redis = await open_redis(server.url, Limits(), turn_codec, prefix="faust")
    folding = Folding(POLICY, RedisSeries(redis.shared), NoLetters(), SystemClock(), SilentMetrics(), SilentJournal())
    reader = FaustReader(bootstrap, translated({}), "bench-monitor", TOPIC, 4, folding.fold)
    await reader.start()
    while reader.folded == 0:
        await asyncio.sleep(0.01)
    first, began_s, began = reader.folded, time.monotonic(), cpu.own()
    while reader.folded < FAUST_VERDICTS:
        await asyncio.sleep(0.01)
        if reader.failure is not None:
            raise reader.failure
    wall, own, read = time.monotonic() - began_s, cpu.own() - began, FAUST_VERDICTS - first
    await reader.stop()
    await redis.close()
    return [
        Figure("monitor through Faust, by its CPU", read / own, "/s", PER_S_MIN, at_least=True, note="real Kafka"),
        Figure("  on the clock", read / wall, "/s"),
        Figure("  client CPU", own / read * 1e6, "µs/verdict"),
    ]
