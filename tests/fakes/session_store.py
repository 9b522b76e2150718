"""The SessionStore port on the Python twin of the scripts: one `FakeRedis` is the server, each worker has its own view.

Rule: every call to one bucket passes through `gate`, where a simulation may delay it, fail it before or after, or kill
the caller. Without a simulation the gate is open.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from streamer.core.assessment import RowRef
from streamer.core.holding import Told
from streamer.core.ids import BUCKETS, Scope, bucket_of_trace
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion
from streamer.core.rules import Pace
from streamer.core.session import NEVER, Begun, Claim, Facts, Look, Outcome, SessionRef, SessionState, Wake
from streamer.core.turn import Turn
from streamer.core.wire.records import Fragment
from streamer.errors import OwnershipLost, Reconnected
from streamer.ports import ClaimReply, Saved, TopicPartition
from tests.fakes import redis_answers as answers
from tests.fakes import redis_config as config
from tests.fakes import redis_scripts as scripts
from tests.fakes.auditing import Auditing
from tests.fakes.erasing import Erasing
from tests.fakes.redis_state import Bucket
from tests.fakes.told import ToldDoings

T = TypeVar("T")
SHARED = -1  # the tag of what is in no bucket: progress and spending


class Gate(Protocol):
    def __call__(self, apply: Callable[[], T], *, hot: bool = False) -> Awaitable[T]: ...


async def open_gate(apply: Callable[[], T], *, hot: bool = False) -> T:
    return apply()


class FakeRedis:
    """Buckets on `nodes` primaries. A fail-over of one loses its last writes and breaks every connection to it."""

    def __init__(self, now_ms: Callable[[], int], limits: Limits, nodes: int = 1, distinct: int = BUCKETS) -> None:
        """`distinct`: buckets n and n + distinct are one, so that a simulation has fewer to walk."""
        self.now_ms, self.limits, self.nodes, self.distinct = now_ms, limits, nodes, distinct
        some = [Bucket(limits) for _ in range(distinct)]
        self.buckets = {SHARED: Bucket(limits), **{n: some[n % distinct] for n in range(BUCKETS)}}
        self.epoch = [0] * nodes
        self.safe_ms = [0] * nodes
        self.memory_share = 0.0
        self.told: dict[str, dict[TopicPartition, Told]] = {}
        self.after: Callable[[Bucket], None] = lambda bucket: None
        """Looks at a bucket after each script that touched a session: a simulation's checkers."""

    def node(self, bucket: int) -> int:
        return bucket % self.nodes

    def fail_over(self, node: int, lost_ms: int) -> None:
        cut = max(self.safe_ms[node] + 1, self.now_ms() - lost_ms)
        for number, bucket in self.buckets.items():
            if self.node(number) == node:
                bucket.lose_since(cut)
        self.epoch[node] += 1

    def confirm(self, bucket: int) -> None:
        """WAIT: everything so far is on the replica."""
        self.safe_ms[self.node(bucket)] = self.now_ms()

    def script(self, bucket: int, body: Callable[[Bucket, int], T]) -> T:
        b = self.buckets[bucket]
        b.now = now = self.now_ms()
        answer = body(b, now)
        if b.touched:
            self.after(b)
            b.touched.clear()
        return answer


class FakeSessionStore(ToldDoings, Erasing, Auditing):
    def __init__(self, redis: FakeRedis, gate: Gate = open_gate) -> None:
        self.redis, self.gate = redis, gate
        self.seen = list(redis.epoch)
        self.turn = 0

    def _run(
        self,
        bucket: int,
        body: Callable[[Bucket, int], T],
        claim: Claim | None = None,
        wait: bool = False,
        hot: bool = False,
    ) -> Awaitable[T]:
        node = self.redis.node(bucket)

        def apply() -> T:
            epoch, seen = self.redis.epoch[node], self.seen[node] if claim is None else claim.epoch
            if epoch != seen:
                self.seen[node] = epoch
                raise Reconnected("the primary was replaced")
            answer = self.redis.script(bucket, body)
            if wait:
                self.redis.confirm(bucket)
            return answer

        return self.gate(apply, hot=hot)

    def on_claims(self, claims: list[Claim]) -> list[Claim]:
        """Seen by a simulation's laws at the very moment of the claim."""
        return claims

    # ingest

    async def save_fragments(self, source: str, fragments: Sequence[Fragment]) -> Mapping[tuple[str, str], Saved]:
        by_bucket: dict[int, list[Fragment]] = defaultdict(list)
        for f in fragments:
            by_bucket[bucket_of_trace(f.trace_id)].append(f)
        saved: dict[tuple[str, str], Saved] = {}
        for bucket, mine in sorted(by_bucket.items()):
            saved |= await self._run(bucket, partial(scripts.save_fragments, source=source, fragments=mine))
        return saved

    async def wake(self, wakes: Sequence[Wake]) -> frozenset[tuple[SessionRef, str]]:
        refused = set[tuple[SessionRef, str]]()
        by_bucket: dict[int, list[Wake]] = defaultdict(list)
        for w in wakes:
            by_bucket[w.session.bucket].append(w)
        for bucket, mine in sorted(by_bucket.items()):
            refused |= await self._run(bucket, partial(scripts.wake_all, wakes=mine))
        return frozenset(refused)

    async def park(self, scope: Scope, trace_id: str) -> None:
        name = f"{scope}|{trace_id}"
        await self._run(bucket_of_trace(trace_id), lambda b, now: scripts.park(b, now, name))

    async def end_session(self, session: SessionRef, at_ms: int) -> None:
        await self._run(session.bucket, lambda b, now: scripts.end_session(b, now, session, at_ms))

    async def add_partitions(self, source: str, partitions: Sequence[TopicPartition]) -> None:
        def merge(b: Bucket, now: int) -> None:
            known = b.edit(("progress", source), dict[TopicPartition, int]())
            for gone in set(known) - set(partitions):
                self.redis.told.get(source, {}).pop(gone, known.pop(gone))
            for partition in partitions:
                known.setdefault(partition, -1)

        await self._run(SHARED, merge)

    async def publish_progress(self, source: str, progress: Mapping[TopicPartition, int]) -> None:
        def merge(b: Bucket, now: int) -> None:
            known = b.edit(("progress", source), dict[TopicPartition, int]())
            known.update({p: max(known[p], ms) for p, ms in progress.items() if p in known})

        await self._run(SHARED, merge)

    async def progress(self, source: str) -> Mapping[TopicPartition, int]:
        return await self._run(SHARED, lambda b, now: dict(b.get(("progress", source), dict[TopicPartition, int]())))

    async def probe(self) -> None:
        for node in range(self.redis.nodes):
            await self._run(node, lambda b, now: None)

    async def time_ms(self) -> int:
        return await self._run(0, lambda b, now: now)

    async def memory_share(self) -> float:
        return await self._run(0, lambda b, now: self.redis.memory_share)

    async def claim(self, limit: int, watermarks: Mapping[str, int], generation: int) -> ClaimReply:
        self.turn += 1
        said = config.said(self.redis.buckets[0])
        reply = ClaimReply([], said.get("generation", 1), said.get("paused", False))
        claims: list[Claim] = []
        for bucket in ((self.turn + n) % self.redis.distinct for n in range(self.redis.distinct)):
            if len(claims) == limit:
                break
            left, epoch = limit - len(claims), self.redis.epoch[self.redis.node(bucket)]

            def body(b: Bucket, now: int, left: int = left, epoch: int = epoch) -> list[Claim]:
                return self.on_claims(scripts.claim(b, now, left, watermarks, generation, self.turn, epoch))

            claims += await self._run(bucket, body)
        return reply._replace(claims=claims)

    async def renew(self, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
        lost = set()
        for c in claims:
            try:
                if not await self._run(c.bucket, partial(scripts.renew, c=c), c):
                    lost.add(c.name)
            except Reconnected:
                lost.add(c.name)
        return frozenset(lost)

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]:
        found: dict[str, Facts] = {}
        for trace_id in trace_ids:
            name = f"{scope}|{trace_id}"
            row = await self._run(bucket_of_trace(trace_id), partial(scripts.facts, name=name))
            if row is not None:
                found[trace_id] = row
        return found

    async def adopt(self, scope: Scope, trace_id: str, session: SessionRef, activity_ms: int) -> None:
        name = f"{scope}|{trace_id}"
        version = await self._run(bucket_of_trace(trace_id), lambda b, now: scripts.adopt(b, name, session.session_id))
        if version:
            await self.wake([Wake(session, trace_id, version, activity_ms)])

    async def release(self, claim: Claim, pace: Pace, wait_until_ms: int, look: Look = NEVER) -> None:
        await self._run(claim.bucket, lambda b, now: scripts.release(b, now, claim, pace, wait_until_ms, look), claim)

    async def put_back(self, claim: Claim, in_ms: int) -> None:
        await self._run(claim.bucket, lambda b, now: scripts.put_back(b, now, claim, in_ms), claim)

    async def keep_turns(self, claim: Claim, turns: Sequence[Turn], pace: Pace) -> None:
        if not await self._run(claim.bucket, lambda b, now: scripts.keep_turns(b, now, claim, turns, pace), claim):
            raise OwnershipLost(claim.session.key)

    async def holds(self, claim: Claim) -> None:
        if not await self._run(claim.bucket, lambda b, now: scripts.holds(b, now, claim), claim):
            raise OwnershipLost(claim.session.key)

    async def find_answer(self, claim: Claim, call_key: str) -> Completion | Literal["paused"] | None:
        found = await self._run(claim.bucket, lambda b, now: answers.find_answer(b, now, claim, call_key), claim)
        if found == "lost":
            raise OwnershipLost(claim.session.key)
        return found

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        if not await self._run(claim.bucket, lambda b, now: answers.save_answer(b, claim, call_key, answer), claim):
            raise OwnershipLost(claim.session.key)

    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        begun = await self._run(claim.bucket, lambda b, now: scripts.begin_write(b, now, claim, rows), claim, wait=True)
        if begun is None:
            raise OwnershipLost(claim.session.key)
        return begun

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        return await self._run(claim.bucket, lambda b, now: scripts.end_write(b, now, claim, outcome), claim)

    # people
    async def set_paused(self, paused: bool) -> None:
        await self._set("paused", paused)

    async def put_in_force(self, content: bytes) -> int:
        number, is_new = await self._run(0, lambda b, now: config.next_generation(b, now, content))
        if is_new:
            await self.set_generation(number, content)
        return number

    async def set_generation(self, generation: int, content: bytes) -> None:
        for bucket in self.redis.buckets:
            await self._run(bucket, lambda b, now: config.raise_generation(b, generation, content), wait=True)

    async def _set(self, field: str, value: object) -> None:
        for bucket in self.redis.buckets:

            def put(b: Bucket, now: int) -> None:
                b.edit(("config",), dict[str, Any]())[field] = value

            await self._run(bucket, put, wait=True)

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None:
        row = self.redis.buckets[int(key[:2], 16) % BUCKETS].session(key)
        return None if row is None else (row.ref, row.state())
