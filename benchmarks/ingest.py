"""Ingest's CPU per span against the floor of facts E: a standard parse, the same compressor on the ready slices, one
call that stores them. Both take the same batches in turn, into the same Redis."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import xxhash
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from redis import Redis

from benchmarks import cpu
from benchmarks.corpus import records
from benchmarks.figure import Figure, median
from streamer.adapters.redis_sessions import open_redis
from streamer.app.running import keep_out_of_collection
from streamer.core import turn_codec
from streamer.core.lifecycle import Limits
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.frames import compressor, decompress
from streamer.core.wire.records import Fragment, Record
from streamer.loops.saving import Batch, Saving
from tests.fakes.measures import SilentMetrics
from tests.services.redis import OPTIONS, RedisServer

RECORDS = 240
BATCH = 20
"""Records; with 16 traces each, some 1,500 spans."""
ROUNDS = 5
STORE = "for i = 1, #ARGV, 3 do redis.call('HSET', ARGV[i], ARGV[i + 1], ARGV[i + 2]) end return #ARGV"


def run() -> list[Figure]:
    home = Path(tempfile.mkdtemp(prefix="bench-redis-"))
    server = RedisServer(home, options=(*OPTIONS, "--appendonly", "no")).start()
    try:
        return asyncio.run(_measure(server))
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _measure(server: RedisServer) -> list[Figure]:
    batches = _batches(list(records(RECORDS)))
    cutter, client = Cutter(CutRules()), server.client()
    cuts = [cutter.cut(record) for batch in batches for record in batch]
    slices = {id(batch): [_raw(f) for r in batch for f in cutter.cut(r).fragments] for batch in batches}
    spans, payload = sum(cut.spans for cut in cuts), sum(len(record.value or b"") for b in batches for record in b)
    fragments = sum(len(cut.fragments) for cut in cuts)
    store = RedisClient(client)
    redis = await open_redis(server.url, Limits(gap_ms_min=900_000), turn_codec)
    keep_out_of_collection()
    rounds = []
    for n in range(ROUNDS + 1):
        client.flushdb()
        floor, floor_server = 0.0, cpu.of_redis(client)
        for batch in batches:
            began = cpu.own()
            store.keep(batch, slices[id(batch)])
            floor += cpu.own() - began
        floor_server = cpu.of_redis(client) - floor_server
        client.flushdb()
        ours_cut, ours_saved, ours_server = 0.0, 0.0, cpu.of_redis(client)
        saving = Saving("bench", redis.handle(), SilentMetrics())
        for batch in batches:
            began = cpu.own()
            kept = Batch("bench")
            for record in batch:
                kept.add(cutter.cut(record), record.timestamp_ms)
            ours_cut += cpu.own() - began
            began = cpu.own()
            await saving.save(kept)
            ours_saved += cpu.own() - began
        ours_server = cpu.of_redis(client) - ours_server
        if n:  # the first round warms caches
            rounds.append((floor, ours_cut, ours_saved, floor_server, ours_server))
    await redis.close()
    return _figures(rounds, spans, payload, fragments)


def _figures(rounds: Sequence[tuple[float, ...]], spans: int, payload: int, fragments: int) -> list[Figure]:
    def per_span(take: Callable[[tuple[float, ...]], float]) -> float:
        return median([take(one) for one in rounds]) / spans * 1e6

    size, group = payload / spans / 1000, spans / fragments
    shape = f"{spans} spans of {size:.1f} KB, {group:.1f} a fragment, {BATCH} records a batch"
    return [
        Figure(
            "ingest, client CPU against the floor",
            median([(one[1] + one[2]) / one[0] for one in rounds]),
            "x",
            2.0,
            note=shape,
        ),
        Figure("  floor", per_span(lambda one: one[0]), "µs/span"),
        Figure("  cut", per_span(lambda one: one[1]), "µs/span"),
        Figure("  save and wake", per_span(lambda one: one[2]), "µs/span"),
        Figure("  Redis, floor", per_span(lambda one: one[3]), "µs/span"),
        Figure("  Redis, ingest", per_span(lambda one: one[4]), "µs/span"),
    ]


class RedisClient:
    """The floor's store: a plain client and one EVALSHA a batch."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._digest = client.script_load(STORE)
        self._compress = compressor().compress

    def keep(self, batch: Sequence[Record], slices: Sequence[tuple[str, bytes]]) -> None:
        for record in batch:
            ExportTraceServiceRequest.FromString(record.value or b"")
        arguments: list[bytes | str] = []
        for key, raw in slices:
            frame = self._compress(raw)
            arguments += (key, xxhash.xxh3_128_digest(frame), frame)
        self._client.evalsha(self._digest, 0, *arguments)  # type: ignore[arg-type]


def _raw(fragment: Fragment) -> tuple[str, bytes]:
    return f"t:{fragment.tenant}|{fragment.trace_id}", decompress(fragment.frame) or b""


def _batches(every: Sequence[Record]) -> list[Sequence[Record]]:
    return [every[at : at + BATCH] for at in range(0, len(every), BATCH)]
