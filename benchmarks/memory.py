"""What Redis holds per turn before the claim, against the bytes that came: fragments, members, indexes, all."""

import asyncio
import json
import random
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.corpus import sentences
from benchmarks.figure import Figure
from streamer.adapters.redis_sessions import open_redis
from streamer.adapters.system_clock import SystemClock
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record
from streamer.loops.saving import Batch, Saving
from streamer.ports import SessionStore
from tests.builders import otlp_record, span
from tests.fakes.measures import SilentMetrics
from tests.services.redis import OPTIONS, RedisServer

SESSIONS, TURNS = 300, 10
FEW, MANY = 1_000, 40_000


def run() -> list[Figure]:
    home = Path(tempfile.mkdtemp(prefix="bench-redis-"))
    server = RedisServer(home, options=(*OPTIONS, "--appendonly", "no")).start()
    try:
        shares = [asyncio.run(_measure(server, size, bound)) for size, bound in ((12_000, 0.25), (3_000, 0.4))]
        return [*shares, asyncio.run(_growth(server))]
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _measure(server: RedisServer, turn_bytes: int, bound: float) -> Figure:
    client = server.client()
    client.flushdb()
    redis = await open_redis(server.url, Limits(gap_ms_min=900_000), turn_codec)
    store, rng, prose = redis.handle(), random.Random(1), sentences()
    before, payload = int(client.info("memory")["used_memory"]), 0  # type: ignore[index]
    for n in range(SESSIONS):
        records = [turn(rng, prose, f"session-{n:06d}", turn_bytes) for _ in range(TURNS)]
        payload += sum(len(record.value or b"") for record in records)
        await save(store, records, SystemClock().now_ms())
    used = int(client.info("memory")["used_memory"]) - before  # type: ignore[index]
    await redis.close()
    note = f"{payload / SESSIONS / TURNS / 1000:.1f} KB a turn, {used / SESSIONS / TURNS:.0f} B of it kept"
    return Figure(f"Redis memory, turns of {turn_bytes // 1000} KB", used / payload, "x payload", bound, note=note)


async def _growth(server: RedisServer) -> Figure:
    """Bytes of an open session of one turn of 3 KB: the last ones of many against the first."""
    client = server.client()
    client.flushdb()
    redis = await open_redis(server.url, Limits(gap_ms_min=900_000), turn_codec)
    store, rng, prose = redis.handle(), random.Random(2), sentences()
    used, saved, each = [int(client.info("memory")["used_memory"])], 0, []  # type: ignore[index]
    for until in (FEW, MANY - FEW, MANY):
        first = saved
        while saved < until:
            records = [turn(rng, prose, f"session-{saved + n:07d}", 3_000) for n in range(100)]
            await save(store, records, SystemClock().now_ms())
            saved += 100
        used.append(int(client.info("memory")["used_memory"]))  # type: ignore[index]
        each.append((used[-1] - used[-2]) / (saved - first))
    await redis.close()
    note = f"{each[0]:.0f} B each of the first {FEW}, {each[-1]:.0f} B of the last of {MANY}"
    return Figure("Redis memory per open session, many against few", each[-1] / each[0], "x", 1.2, note=note)


async def save(store: SessionStore, records: Iterable[Record], at_ms: int) -> None:
    """As ingest does it."""
    batch, cutter = Batch("default"), Cutter(CutRules())
    for record in records:
        batch.add(cutter.cut(record), at_ms)
    await Saving("default", store, SilentMetrics()).save(batch)


def turn(rng: random.Random, prose: list[str], session: str, turn_bytes: int) -> Record:
    """An agent's trace: a root, and steps of which each holds the conversation again, as SDKs send it."""
    trace_id, root = rng.randbytes(16).hex(), rng.randbytes(8).hex()
    user, answer = (" ".join(rng.sample(prose, 3)) for _ in range(2))
    messages = [{"role": "user", "parts": [{"type": "text", "content": user}]}]
    said = {
        "gen_ai__input__messages": json.dumps(messages),
        "gen_ai__output__messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]),
    }
    spans = [span(trace_id, root, name="invoke_agent support", session__id=session, **said)]
    while sum(one.ByteSize() for one in spans) < turn_bytes - 300:
        step = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "gpt-4o-mini", "session__id": session}
        text = " ".join(rng.sample(prose, 2))
        parts = [*messages, {"role": "assistant", "parts": [{"type": "text", "content": text}]}]
        step["gen_ai__input__messages"] = json.dumps(parts)
        spans.append(span(trace_id, rng.randbytes(8).hex(), root, "chat gpt-4o-mini", **step))
    return otlp_record(*spans)
