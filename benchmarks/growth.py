"""What a span, a claim and an open session cost while sessions grow in number, and a hundred thousand that fall due at
one moment.

A Redis of a thousand sessions stands beside the growing one, and both are measured in turn: what the machine does
meanwhile strikes both. Sessions are of one turn of 3 KB; the many are told with few texts, since Redis sees no text.
"""

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks import cpu
from benchmarks.corpus import sentences
from benchmarks.figure import Figure, median
from benchmarks.memory import save, turn
from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.redis_sessions.scripts import Scripts
from streamer.adapters.system_clock import SystemClock
from streamer.app.running import keep_out_of_collection
from streamer.core import turn_codec
from streamer.core.ids import Scope
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Limits
from streamer.core.rules import Pace
from streamer.core.session import Claim, Outcome, SessionRef, Wake
from streamer.core.verdict import Verdict
from streamer.core.wire.caps import Caps
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Fragment, Record
from streamer.loops.audit import Audit
from streamer.loops.decoding import Decoding
from streamer.ports import SessionStore
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.services.redis import OPTIONS, RedisServer

FEW, LEVELS, DUE = 1_000, (10_000, 100_000, 1_000_000), 100_000
TEXTS, BATCH, AT_ONCE = 200, 1_000, 16
ROUNDS, PROBES = 9, 320
"""In each round so many sessions are saved and claimed among the others."""
SOURCE, HOUR_MS = "default", 3_600_000
SLOW_MICROS, SLOW_KEPT = 1_000, 20_000
GAP_MS = 900_000
LIMITS = Limits(gap_ms_min=GAP_MS)
PACE = Pace(GAP_MS, LIMITS.settle_ms, LIMITS.max_age_ms)
DONE = Entry(
    state="judged",
    generation=1,
    judge_version="v",
    transcript_hash="0" * 32,
    verdict=Verdict(value="none", rationale="The user is calm throughout. " * 8),
    revision=1,
    mlflow=True,
    feed=True,
)


@dataclass
class Stage:
    """A Redis with sessions, and who works on it."""

    client: Redis
    redis: RedisConnection
    texts: Sequence[Fragment]
    rng: random.Random = field(default_factory=lambda: random.Random(3))
    sessions: int = 0

    def __post_init__(self) -> None:
        self.store: SessionStore = self.redis.handle()
        self.decoding = Decoding(self.store, SystemClock(), SilentMetrics(), None, Caps(), {})

    @property
    def used_bytes(self) -> int:
        return int(self.client.info("memory")["used_memory"])

    async def fill(self, sessions: int, at_ms: int) -> None:
        """Until there are so many, all of the same moment."""
        scope = Scope(SOURCE, "default")
        while self.sessions < sessions:
            numbers = range(self.sessions, min(sessions, self.sessions + BATCH))
            fragments = [self._retold(n) for n in numbers]
            saved = await self.store.save_fragments(SOURCE, fragments)
            wakes = [
                Wake(SessionRef(scope, f.candidates[0]), f.trace_id, saved[f.tenant, f.trace_id].version, at_ms)
                for f in fragments
            ]
            await self.store.wake(wakes)
            self.sessions = numbers.stop

    def _retold(self, n: int) -> Fragment:
        text, noise = self.texts[n % len(self.texts)], self.rng.randbytes
        return text._replace(trace_id=noise(16).hex(), digest=noise(16), candidates=(f"session-{n:07d}",))

    async def finish(self, claim: Claim) -> None:
        """What a judge worker does of a claim in Redis, with a model and an MLflow that answer at once."""
        turns, _ = await self.decoding.turns(claim, frozenset())
        await self.store.keep_turns(claim, list(turns.values()), PACE)
        begun = await self.store.begin_write(claim, [])
        outcome = Outcome(
            version=claim.state.version,
            entries={"judge": DONE},
            rows=begun.rows,
            placed=frozenset({"judge"}),
            begun=True,
            reason="quiet",
        )
        await self.store.end_write(claim, outcome)


@asynccontextmanager
async def stage(texts: Sequence[Fragment]) -> AsyncIterator[Stage]:
    home = Path(tempfile.mkdtemp(prefix="bench-redis-"))
    server = RedisServer(home, options=(*OPTIONS, "--appendonly", "no")).start()
    redis = await open_redis(server.url, LIMITS, turn_codec)
    try:
        yield Stage(server.client(), redis, texts)
    finally:
        await redis.close()
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def told(count: int, seed: int, name: str) -> list[Record]:
    rng, prose = random.Random(seed), sentences()
    return [turn(rng, prose, f"{name}-{n}", 3_000) for n in range(count)]


def run() -> list[Figure]:
    keep_out_of_collection()
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    cutter = Cutter(CutRules())
    texts = [fragment for record in told(TEXTS, 1, "text") for fragment in cutter.cut(record).fragments]
    figures: list[Figure] = []
    async with stage(texts) as few, stage(texts) as many:
        empty = many.used_bytes
        for one in (few, many):
            await one.fill(FEW, SystemClock().now_ms())
        each = (many.used_bytes - empty) / FEW
        for level in LEVELS:
            held, before = many.sessions, many.used_bytes
            await many.fill(level, SystemClock().now_ms())
            here = (many.used_bytes - before) / (level - held)
            figures.append(
                Figure(f"{level:,} open: memory", here / each, "x", 1.2, note=f"{here:.0f} B a session, {each:.0f} B")
            )
            figures += await _compared(few, many, level)
    async with stage(texts) as burst:
        figures += await _drained(burst)
    return figures


# ---------------------------------------------------------------- a span and a claim, among few and among many


async def _compared(few: Stage, many: Stage, level: int) -> list[Figure]:
    rounds: list[list[tuple[float, float]]] = [[], []]
    for n in range(ROUNDS):
        records = told(PROBES, level + n, f"probe-{level}-{n}")
        for costs, one in zip(rounds, (few, many), strict=True):
            costs.append((await _cost(one, _saved(one, records)), await _cost(one, _claimed(one))))
    figures = []
    for kind, what in enumerate(("saving a session's turn", "a claim, to its end")):
        small, large = (median([costs[kind] for costs in side]) / PROBES * 1e6 for side in rounds)
        ratio = median([big[kind] / little[kind] for little, big in zip(*rounds, strict=True)])
        figures.append(
            Figure(f"{level:,} open: {what}", ratio, "x", 1.2, note=f"{large:.0f} µs, {small:.0f} µs among {FEW:,}")
        )
    return figures


async def _cost(one: Stage, work: Coroutine[Any, Any, None]) -> float:
    """CPU seconds of client and Redis."""
    began = cpu.own() + cpu.of_redis(one.client)
    await work
    return cpu.own() + cpu.of_redis(one.client) - began


async def _saved(one: Stage, records: Sequence[Record]) -> None:
    """Long ago, so that these fall due before all others."""
    await save(one.store, records, SystemClock().now_ms() - 2 * HOUR_MS)


async def _claimed(one: Stage) -> None:
    until = {SOURCE: SystemClock().now_ms() - HOUR_MS}
    done = 0
    while done < PROBES:
        claims = (await one.store.claim(AT_ONCE, until, 1)).claims
        await asyncio.gather(*(one.finish(claim) for claim in claims))
        done += len(claims)


# ---------------------------------------------------------------- all at one moment


@dataclass
class Drained:
    """What was seen while sessions were claimed."""

    at_s: list[float] = field(default_factory=list)
    """Of each claimed session."""
    waited_s: list[float] = field(default_factory=list)
    """For the answer to a PING, of somebody else."""


async def _drained(one: Stage) -> list[Figure]:
    at_ms = SystemClock().now_ms() - 2 * HOUR_MS
    await one.fill(DUE, at_ms)
    one.client.config_set("slowlog-log-slower-than", SLOW_MICROS)
    one.client.config_set("slowlog-max-len", SLOW_KEPT)
    one.client.slowlog_reset()
    seen, audit = Drained(), Audit(one.redis.handle(), SilentMetrics(), SilentJournal())
    others = [asyncio.create_task(_audited(audit)), asyncio.create_task(_pinged(one, seen))]
    await _drain(one, seen)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return list(_figures(one, seen))


async def _drain(one: Stage, seen: Drained) -> None:
    until = {SOURCE: SystemClock().now_ms() - HOUR_MS}
    working: set[asyncio.Task[None]] = set()
    while len(seen.at_s) < DUE:
        if room := AT_ONCE - len(working):
            claims = (await one.store.claim(room, until, 1)).claims
            seen.at_s += [time.monotonic()] * len(claims)
            working |= {asyncio.create_task(one.finish(claim)) for claim in claims}
        _, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*working)


async def _audited(audit: Audit) -> None:
    while True:
        await asyncio.sleep(await audit.step() / 1_000)


async def _pinged(one: Stage, seen: Drained) -> None:
    """From a thread of its own, so that it is Redis that is waited for."""
    while True:
        began = time.monotonic()
        await asyncio.to_thread(one.client.ping)
        seen.waited_s.append(time.monotonic() - began)
        await asyncio.sleep(0.01)


def _figures(one: Stage, seen: Drained) -> Iterator[Figure]:
    tenth, took_s = DUE // 10, seen.at_s[-1] - seen.at_s[0]
    first_s, last_s = seen.at_s[tenth - 1] - seen.at_s[0], seen.at_s[-1] - seen.at_s[-tenth]
    gaps = [later - sooner for sooner, later in zip(seen.at_s, seen.at_s[1:], strict=False)]
    yield Figure(f"{DUE:,} due at once: claims", DUE / took_s, "/s", note=f"all within {took_s:.0f} s, one process")
    yield Figure("  the last tenth against the first", last_s / first_s, "x", 1.2)
    yield Figure(
        "  longest between two claims",
        max(gaps) * 1e3,
        "ms",
        note=f"{median(sorted(gaps)[-100:]) * 1e3:.0f} ms of the 100 longest",
    )
    waited = sorted(seen.waited_s)
    yield Figure(
        "  a PING of somebody else",
        waited[-1] * 1e3,
        "ms",
        note=f"99 % within {waited[int(len(waited) * 0.99)] * 1e3:.1f} ms",
    )
    yield from _blocked(one.client)


def _blocked(client: Redis) -> Iterator[Figure]:
    """How long Redis was in a script. A plain command that takes as long tells how long the machine let it wait."""
    names = {digest: name for flags in (True, False) for name, digest in Scripts(flags=flags).digests.items()}
    took: dict[str, list[int]] = {}
    for entry in client.slowlog_get(SLOW_KEPT):
        words = bytes(entry["command"]).split()
        name = names.get(words[1].decode(), "") if words[0] == b"EVALSHA" else "plain commands"
        took.setdefault(name, []).append(int(entry["duration"]))
    for name, micros in sorted(took.items(), key=lambda found: -max(found[1])):
        typical = f"{len(micros)} calls above {SLOW_MICROS / 1e3:g} ms, their median {median(micros) / 1e3:.1f} ms"
        yield Figure(f"  Redis in {name}, at most", max(micros) / 1e3, "ms", note=typical)
