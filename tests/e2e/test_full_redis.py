"""Redis fills up, behind an outage or with sessions at rest: ingest stops or waits, what is there is judged, swept or
forgotten, and so on until all is judged.

Kafka and Redis are real, and so are the loops; the model, MLflow and the feed answer at once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.core.pressure import FULL_SHARE, REST_SHARE
from streamer.core.rules import Rule
from streamer.core.terms import Terms
from streamer.loops.audit import Audit
from streamer.loops.choke_point import ChokePoint
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.judge import Judge, JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.scoring import Scoring
from streamer.loops.writing import Writing
from tests.fakes.language_model import LanguageModel
from tests.fakes.measures import SilentMetrics
from tests.fakes.mlflow_rows import MlflowRows
from tests.fakes.spending import FakeSpending
from tests.integration.test_redis_in_production import Journal, Topic
from tests.loops.bench import SOURCE, Feed, OneCall, spec
from tests.services.redis import OPTIONS, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.real]
WAIT_S = 300
MEGABYTE = 1_048_576
GAP_MS, APART_MS = 10_000, 25
LIMITS = Limits(gap_ms_min=GAP_MS, trace_timeout_ms=GAP_MS, late_ms=8_000, commit_delay_ms=2_000, zombie_ms_max=9_000)
"""As in production: late spans are waited for longer than commits trail, and what is open is a fraction of Redis."""


class Filling(NamedTuple):
    memory_mb: int
    sessions: int
    kept_bytes: int
    """Of spans, a session."""
    first_seen: str
    """What the journal says of it."""


OPEN = Filling(64, 4_000, 36_000, "redis_full")
"""Two and a half times what Redis holds, and all of it goes `late_ms` after the verdict."""
AT_REST = Filling(16, 8_000, 100, "forgets_early")
"""What is kept of them for `return_ms` is one and a half times what Redis holds."""


def judge_on(redis: RedisConnection, rows: MlflowRows, model: LanguageModel, feed: Feed) -> tuple[Judge, HeldClaims]:
    clock, tasks, metrics, journal = SystemClock(), AsyncioTasks(), SilentMetrics(), Journal()
    store = redis.handle()
    held = HeldClaims(store, clock, LIMITS)
    choke = ChokePoint(
        model, store, held, FakeSpending(clock.now_ms, usd_max=None, tokens_max=None), clock, metrics, journal
    )
    rule = Rule(idle_gap_ms=GAP_MS, settle_ms=LIMITS.settle_ms)
    terms = Terms(specs=(spec("a"),), rules=(rule,), content=b"")
    parts = JudgeParts(
        sources=[SOURCE],
        store=store,
        held=held,
        scoring=Scoring(OneCall(), choke, rows, LIMITS, clock, tasks, metrics, journal),
        publishing=Publishing("full", feed, clock, metrics, journal),
        writing=Writing("full", rows, store, held, LIMITS, metrics, journal),
        limits=LIMITS,
        in_force=InForce(store, terms, metrics, journal, 1),
        capacity=16,
        clock=clock,
        tasks=tasks,
        metrics=metrics,
        journal=journal,
    )
    return Judge(parts), held


async def for_ever(step: Callable[[], Awaitable[int]]) -> None:
    while True:
        await asyncio.sleep(await step() / 1_000)


@pytest.mark.parametrize("filling", [OPEN, AT_REST], ids=["of open sessions", "of sessions at rest"])
async def test_a_full_redis_empties_itself_and_everything_is_judged_once(
    kafka: str, tmp_path: Path, filling: Filling
) -> None:
    sessions = filling.sessions
    server = RedisServer(tmp_path, options=(*OPTIONS, "--maxmemory", f"{filling.memory_mb}mb")).start()
    topic, journal = Topic(kafka), Journal()
    topic.say(range(sessions), SystemClock().now_ms() - 10**6, APART_MS, noise_bytes=2 * filling.kept_bytes)
    redis = await open_redis(server.url, LIMITS, turn_codec)
    ingest, source = topic.ingest(redis, LIMITS, journal)
    rows, model, feed = MlflowRows([f"tr-{n + 1:032x}" for n in range(sessions)]), LanguageModel(content="good"), Feed()
    judge, held = judge_on(redis, rows, model, feed)
    audit = Audit(redis.handle(), LIMITS, SilentMetrics(), journal)
    loops = [asyncio.create_task(for_ever(step)) for step in (ingest.step, judge.step, held.step, audit.step)]
    fullest, probe, end = 0.0, redis.handle(), time.monotonic() + WAIT_S
    try:
        while len(rows.stored) < sessions:
            share = await probe.memory_share()
            fullest = max(fullest, share)
            assert time.monotonic() < end, f"{len(rows.stored)} rows, {share:.0%} full: {Counter(journal.events)}"
            await asyncio.sleep(0.5)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await source.close()
        await redis.close()
        server.stop()
    assert fullest > (FULL_SHARE if filling is OPEN else REST_SHARE)
    assert filling.first_seen in journal.events
    assert len(model.requests) == sessions
    assert {row.metadata["streamer.revision"] for row in rows.stored.values()} == {"1"}
    assert len(feed.told("verdict")) == sessions
