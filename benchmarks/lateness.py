"""From the end of the quiet gap to the stored verdict, beyond the model's time: what streamer itself adds.

`streamer ingest` reads librdkafka's mock cluster in a process of its own; a judge worker made of the real loops and
adapters claims, publishes and writes. The model takes 300 ms and no CPU, and MLflow is an endpoint that answers at
once: MLflow's own judge and server are measured in `judging` and `latency`. The gap ends `idle_gap_ms` after the
record's timestamp.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import confluent_kafka as ck

from benchmarks import cpu
from benchmarks.figure import Figure
from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.mlflow_assessments import MlflowAccess, MlflowAssessments
from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.system_clock import SystemClock
from streamer.app.running import keep_out_of_collection
from streamer.core import turn_codec
from streamer.core.assessment import Row
from streamer.core.feed import FeedRecord
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion, ModelRequest
from streamer.core.rules import Rule
from streamer.core.terms import Terms
from streamer.embedded import stand_ins
from streamer.embedded.program import Program
from streamer.loops.choke_point import ChokePoint
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.writing import Writing
from tests.builders import otlp_record, span
from tests.fakes.language_model import LanguageModel
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.spending import FakeSpending
from tests.loops.bench import OneCall, spec

SESSIONS, EVERY_S = 1_500, 0.02
GAP_MS, MODEL_MS, CAPACITY = 3_000, 300, 64
TOPIC, FEED = "otlp_spans", "assessments"
LIMITS = Limits(gap_ms_min=GAP_MS, settle_ms=500, trace_timeout_ms=8_000)
CONFIG = """[kafka]
bootstrap = "{kafka}"
[[sources]]
topics = ["{topic}"]
[redis]
url = "{redis}"
[sessions]
idle_gap_ms = {gap}
settle_ms = 500
trace_timeout_ms = 8000
[[judges]]
type = "user_frustration"
model = "openai:/gpt-4.1-mini"
[http]
port = 0
"""


class Times:
    """By session, seconds since the epoch: what happened when."""

    def __init__(self) -> None:
        self.asked: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.told: dict[str, float] = {}
        self.stored: dict[str, float] = {}


class SlowModel(LanguageModel):
    def __init__(self, times: Times) -> None:
        super().__init__(content="none")
        self._times = times

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        session = request.messages[0]["content"].split("|")[1]
        self._times.asked[session] = time.time()
        await asyncio.sleep(MODEL_MS / 1_000)
        answer = await super().complete(request, deadline_ms)
        self._times.answered[session] = time.time()
        return answer


class TimedRows(MlflowAssessments):
    def __init__(self, access: MlflowAccess, times: Times) -> None:
        super().__init__(access)
        self._times = times

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        answer = await super().post(row)
        self._times.stored[row.metadata["mlflow.trace.session"]] = time.time()
        return answer


class TimedFeed(KafkaPublisher):
    times: Times

    async def publish(self, records: Sequence[FeedRecord]) -> None:
        await super().publish(records)
        self.times.told[records[0].value["session"]["id"]] = time.time()


def run() -> list[Figure]:
    keep_out_of_collection()
    with tempfile.TemporaryDirectory(prefix="bench-") as home, ExitStack() as stack:
        kafka, address = stand_ins.kafka(Path(home), {TOPIC: 4, FEED: 2, f"{TOPIC}.dlq": 1})
        stack.callback(kafka.stop)
        redis, url = stand_ins.redis_server(Path(home))
        redis.start(lambda: stand_ins.answers(url), 20)
        stack.callback(redis.stop)
        mlflow = stack.enter_context(_endpoint())
        config = Path(home) / "streamer.toml"
        config.write_text(CONFIG.format(kafka=address, topic=TOPIC, redis=url, gap=GAP_MS))
        ingest = Program("ingest", [sys.executable, "-m", "streamer", "ingest", "-c", str(config)], Path(home))
        ingest.start(lambda: " started " in ingest.log.read_text(), stand_ins.START_S_MAX)
        stack.callback(ingest.stop)
        return asyncio.run(_measure(address, url, mlflow))


@contextmanager
def _endpoint() -> Iterator[str]:
    """It answers every POST with 200 at once: a row is created."""
    command = [sys.executable, "-m", "benchmarks.instant_model"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removesuffix("/v1")
        finally:
            process.kill()


async def _measure(kafka: str, redis_url: str, mlflow: str) -> list[Figure]:
    times, clock = Times(), SystemClock()
    redis = await open_redis(redis_url, LIMITS, turn_codec)
    feed, rows = TimedFeed({"bootstrap.servers": kafka}, FEED), TimedRows(MlflowAccess(url=mlflow), times)
    feed.times = times
    tasks, metrics, journal, store = AsyncioTasks(), SilentMetrics(), SilentJournal(), redis.handle()
    held = HeldClaims(store, clock, LIMITS)
    spending = FakeSpending(clock.now_ms, usd_max=None, tokens_max=None)
    choke = ChokePoint(SlowModel(times), store, held, spending, clock, metrics, journal)
    terms = Terms(specs=(spec("a"),), rules=(Rule(idle_gap_ms=GAP_MS, settle_ms=LIMITS.settle_ms),), content=b"")
    judge = Judge(
        JudgeParts(
            sources=["default"],
            store=store,
            held=held,
            scoring=Scoring(OneCall(), choke, rows, LIMITS, clock, tasks, metrics, journal),
            publishing=Publishing("bench", feed, clock, metrics, journal),
            writing=Writing("bench", rows, store, held, LIMITS, metrics, journal),
            limits=LIMITS,
            in_force=InForce(store, terms, metrics, journal, 1),
            capacity=CAPACITY,
            clock=clock,
            tasks=tasks,
            metrics=metrics,
            journal=journal,
        )
    )
    said, began = asyncio.create_task(asyncio.to_thread(_converse, kafka)), cpu.own()
    looking = asyncio.create_task(_renewed(held))
    until = time.monotonic() + SESSIONS * EVERY_S + 60
    while len(times.stored) < SESSIONS and time.monotonic() < until:
        await asyncio.sleep(await judge.step() / 1_000)
    spent = cpu.own() - began
    looking.cancel()
    figures = _figures(await said, times, spent)
    await feed.close()
    await rows.close()
    await redis.close()
    return figures


async def _renewed(held: HeldClaims) -> None:
    while True:
        await asyncio.sleep(await held.step() / 1_000)


def _converse(kafka: str) -> dict[str, float]:
    """One conversation of one turn after the other; when each was quiet for long enough."""
    producer, quiet = ck.Producer({"bootstrap.servers": kafka, "linger.ms": 0}), dict[str, float]()
    began = time.time()
    for n in range(SESSIONS):
        time.sleep(max(0.0, began + n * EVERY_S - time.time()))
        now_ms = int(time.time() * 1_000)
        said = {"input__value": f"Where is order {n}?", "output__value": "At your door.", "session__id": f"bench-{n}"}
        root = span(f"{n + 1:032x}", f"{n + 1:016x}", start_ns=now_ms * 10**6, end_ns=now_ms * 10**6 + 5, **said)
        producer.produce(TOPIC, otlp_record(root).value, timestamp=now_ms)
        producer.poll(0)
        quiet[f"bench-{n}"] = (now_ms + GAP_MS) / 1_000
    producer.flush(10)
    return quiet


def _figures(quiet: dict[str, float], times: Times, spent: float) -> list[Figure]:
    done = sorted(times.stored.keys() & quiet.keys())
    late = [times.stored[s] - quiet[s] - MODEL_MS / 1_000 for s in done]
    note = f"{len(done)} of {SESSIONS} sessions, {1 / EVERY_S:.0f} a second, one judge process"
    note += f", {spent / max(1, len(done)) * 1e3:.1f} ms CPU each; earliest {min(late):.2f} s"
    note += f"; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    figures = [
        Figure("quiet gap's end to row beyond model, p95", _share(late, 0.95), "s", 0.5, note=note),
        Figure("  median", _share(late, 0.5), "s", note=f"p99 {_share(late, 0.99):.2f} s"),
    ]
    steps = {
        "gap's end to the call": [times.asked[s] - quiet[s] for s in done],
        "answer to the feed": [times.told[s] - times.answered[s] for s in done],
        "feed to the row": [times.stored[s] - times.told[s] for s in done],
    }
    for name, took in steps.items():
        figures.append(Figure(f"  {name}, p95", _share(took, 0.95), "s", note=f"median {_share(took, 0.5):.3f} s"))
    return figures


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
