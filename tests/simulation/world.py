"""Virtual time, one random source, and everything that can go wrong between two port calls.

Rule: a run is a pure function of its seed. One port call is one scheduling point: it may be slow, fail before it
happened, fail after it happened, happen long after it failed, or take the whole process with it.
"""

import random
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Sequence
from heapq import heappop, heappush
from types import coroutine
from typing import Any, TypeVar

from streamer.errors import StreamerError, TransientError

T = TypeVar("T")
Work = Coroutine[Any, Any, Any]
EPOCH_MS = 1_700_000_000_000


SLOW_MS = {most: range(1, most + 1) for most in (15, 60)}
"""How long a port call takes: drawn from a range that is there already, twice as fast as randint."""


class SimulatedCrash(BaseException):
    """kill -9: no handler of ours can swallow it."""


@coroutine
def pause(ms: int) -> Generator[int, None, None]:
    """`await pause(ms)`: virtual time passes."""
    yield ms


class Event:
    """`await event`: until somebody has set it."""

    def __init__(self) -> None:
        self.waiters: list[tuple[Worker | None, int, Work]] = []

    def __await__(self) -> Generator["Event", None, None]:
        yield self


class Worker:
    """A process: it crashes and sleeps as a whole, and `boot` starts it again."""

    def __init__(self, name: str, boot: Callable[["Worker"], None]) -> None:
        self.name, self.boot = name, boot
        self.life = 0
        self.paused_until_ms = 0


class World:
    """The scheduler and the faults. Each kind of fault is drawn on or off, with its own rate (swarm testing,
    Groce et al., 2012)."""

    def __init__(self, seed: int) -> None:
        self.seed, self.random = seed, random.Random(seed)
        self.now = EPOCH_MS
        self.faults = True
        self.heap: list[tuple[int, int, Worker | None, int, Work]] = []
        self.sequence = 0
        self.begun: list[Work] = []
        self.rare: Counter[str] = Counter()
        self.broken: dict[str, str] = {}
        self.story: list[tuple[Any, ...]] = []
        self.telling = False
        draw = self._draw
        self.p_crash, self.p_fail, self.p_after, self.p_late = draw(0.006), draw(0.03), draw(0.03), draw(0.8)
        self.p_pause, self.p_pause_hot, self.p_stall = draw(0.008), draw(0.2), draw(0.06)
        self.p_rebalance, self.p_failover, self.p_conflict = draw(0.3), draw(0.5), draw(0.6)
        self.p_outage, self.p_judge = draw(0.7), self.random.choice([0.0, 0.3])
        self.p_rootless = 0.05
        self.p_plan_missing = 0.2
        self.p_late_root = 0.0
        """Of traces with conflicting ids: the root comes when the session that its child named has just been judged."""
        self.p_pressure = draw(0.8)

    def _draw(self, most: float) -> float:
        return self.random.choice([0.0, self.random.uniform(0, most)])

    # ------------------------------------------------------------ what the laws and the story see

    def tell(self, *what: object) -> None:
        if self.telling:
            self.story.append((self.now - EPOCH_MS, *what))

    def violate(self, law: str, what: str) -> None:
        self.broken.setdefault(law, f"{what} at {self.now - EPOCH_MS}")
        self.tell("VIOLATION", law, what)

    # ------------------------------------------------------------ the scheduler

    def spawn(self, worker: Worker | None, work: Work, delay_ms: int = 0) -> None:
        self._push(worker, worker.life if worker else 0, work, delay_ms)

    def _push(self, worker: Worker | None, life: int, work: Work, delay_ms: int) -> None:
        self.sequence += 1
        heappush(self.heap, (self.now + delay_ms, self.sequence, worker, life, work))

    def set(self, event: Event) -> None:
        for worker, life, work in event.waiters:
            self._push(worker, life, work, 0)
        event.waiters.clear()

    def run_until(self, end_ms: int, stop: Callable[[], bool] = lambda: False) -> None:
        """One loop, as flat as can be: it turns some 15,000 times a seed."""
        heap, check_at = self.heap, self.now
        while heap and heap[0][0] <= end_ms:
            when, _, worker, life, work = heappop(heap)
            if worker is not None and worker.life != life:
                work.close()
                continue
            self.now = when
            if when > check_at:
                check_at = when + 5_000
                if stop():
                    return
            if worker is not None and self._asleep(worker):
                self._push(worker, life, work, worker.paused_until_ms - when)
                continue
            try:
                waits = work.send(None)
            except StopIteration:
                continue
            except SimulatedCrash:
                assert worker is not None
                self.crash(worker)
                continue
            if isinstance(waits, Event):
                waits.waiters.append((worker, life, work))
            else:
                self.sequence += 1
                heappush(heap, (when + waits, self.sequence, worker, life, work))

    def _asleep(self, worker: Worker) -> bool:
        """A stop of the whole process: garbage collection, a paused virtual machine, SIGSTOP."""
        if worker.paused_until_ms <= self.now and self.faults and self.random.random() < self.p_pause:
            worker.paused_until_ms = self.now + self.random.randint(500, 60_000)
        return worker.paused_until_ms > self.now

    def crash(self, worker: Worker, restart_ms: int | None = None) -> None:
        self.tell(worker.name, "crashes")
        worker.life += 1
        self.spawn(None, self._restart(worker), restart_ms or self.random.randint(100, 8_000))

    async def _restart(self, worker: Worker) -> None:
        worker.boot(worker)

    def close(self) -> None:
        for *_, work in self.heap:
            work.close()
        for work in self.begun:  # one that a crash took before its first step would be warned of
            work.close()
        self.heap.clear()

    # ------------------------------------------------------------ faults

    @coroutine
    def call(
        self, worker: Worker, apply: Callable[[], T], *, slow: int = 15, hot: bool = False, late: bool = False
    ) -> Generator[int, None, T]:
        """One port call. `hot`: a stop is likely just before it. `late`: it may happen after the caller saw it fail."""
        r = self.random
        if hot and self.faults and r.random() < self.p_pause_hot:
            worker.paused_until_ms = self.now + r.randint(1_000, 60_000)
        yield r.choice(SLOW_MS[slow])
        if not self.faults:
            return apply()
        x = r.random()
        if x < self.p_crash:
            raise SimulatedCrash
        if x < self.p_crash + self.p_fail:
            raise TransientError("failed before it happened", maybe_done=r.random() < 0.5)
        if x < self.p_crash + self.p_fail + self.p_after:
            if late and r.random() < self.p_late:
                self.spawn(None, self._later(apply), r.randint(500, 60_000))
            else:
                apply()
            raise TransientError("failed after it happened")
        answer = apply()
        if x > 1 - self.p_crash:
            raise SimulatedCrash
        return answer

    async def _later(self, apply: Callable[[], Any]) -> None:
        self.rare["a call happened long after it had failed"] += 1
        self.tell("late effect")
        try:
            apply()
        except StreamerError:  # as well refused as not there: nobody waits for it any more
            return

    @property
    def redis_is_reliable(self) -> bool:
        return not (self.p_fail or self.p_after or self.p_failover)


class SimulatedClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now_ms(self) -> int:
        return self._world.now

    async def sleep_ms(self, ms: int) -> None:
        await pause(ms)


class SimulatedTasks:
    def __init__(self, world: World, worker: Worker) -> None:
        self._world, self._worker = world, worker

    def start(self, work: Work) -> None:
        self._world.spawn(self._worker, work)

    async def together(self, works: Sequence[Work]) -> list[Any]:
        answers: list[Any] = [None] * len(works)
        errors: list[Exception] = []
        left, done = [len(works)], Event()

        async def one(n: int, work: Work) -> None:
            try:
                answers[n] = await work
            except Exception as error:  # noqa: BLE001 – handed to whoever waits, as asyncio.gather does
                errors.append(error)
            left[0] -= 1
            if not left[0]:
                self._world.set(done)

        self._world.begun += works
        for n, work in enumerate(works):
            self.start(one(n, work))
        if works:
            await done
        if errors:
            raise errors[0]
        return answers
