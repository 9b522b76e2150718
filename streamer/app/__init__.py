"""The composition root: what runs, and in which order it ends.

Rule: only this package sees both adapters and loops.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.system_clock import SystemClock
from streamer.app.building import Process, Role, sleep, start
from streamer.errors import ConfigurationError, StreamerError
from streamer.loops import run as loops_run
from streamer.loops.dry_run import Estimate
from streamer.settings import Settings
from streamer.web.state import Health, Service

DRAIN_MS, LAST_MS = 15_000, 2_000
"""Kubernetes kills 30 s after SIGTERM, and clients that hang take up to 10 s to close; what is not done by then is left
to the lease."""


def run(settings: Settings, roles: frozenset[Role], *, dry_run: bool = False, for_ms: int | None = None) -> int:
    """Run the roles until SIGTERM or SIGINT, or for `for_ms`; returns the exit code."""
    estimate = Estimate() if dry_run else None
    if dry_run:
        settings = settings.apart(f"dry-run-{os.getpid()}")
    try:
        asyncio.run(_main(settings, roles, estimate, for_ms))
    except BaseExceptionGroup as group:
        raise _cause(group) from None
    if estimate is not None:
        print(estimate)  # noqa: T201 – the result of a dry run
    return 0


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the process: a setting to change before anything else, else what was raised first."""
    leaves: list[BaseException] = []
    todo: list[BaseException] = [group]
    while todo:
        error = todo.pop(0)
        if isinstance(error, BaseExceptionGroup):
            todo = [*error.exceptions, *todo]
        else:
            leaves.append(error)
    return min(leaves, key=lambda e: (not isinstance(e, ConfigurationError), not isinstance(e, StreamerError)))


async def _main(settings: Settings, roles: frozenset[Role], estimate: Estimate | None, for_ms: int | None) -> None:
    clock = SystemClock()
    services: list[Service] = ["kafka", "redis"]
    if "judge" in roles:
        services.append("mlflow")
    async with AsyncExitStack() as stack:
        process = Process(
            settings=settings,
            clock=clock,
            metrics=PrometheusMetrics(),
            journal=JsonJournal(clock, settings.log.level, settings.log.format),
            tasks=AsyncioTasks(),
            health=Health(clock, [], services),
            stack=stack,
        )
        process.tasks.on_failure = process.stopping.set
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, process.stopping.set)
        try:
            await start(process, roles, estimate)
            keep_out_of_collection()
            await _until_stopped(process, for_ms)
        except asyncio.CancelledError:
            if process.tasks.failure is None:
                raise
        if process.tasks.failure is not None:
            raise process.tasks.failure


def keep_out_of_collection() -> None:
    """What exists by now (modules, most of it) stays: walking it again and again is a tenth of ingest's CPU."""
    gc.collect()
    gc.freeze()


async def _until_stopped(process: Process, for_ms: int | None) -> None:
    """Run every loop; then stop reading and claiming, finish what was begun, stop renewing. What a service that hangs
    keeps from being finished within DRAIN_MS is left to its lease."""
    draining = asyncio.Event()
    first = {name: step for name, step in process.loops.items() if name not in ("renewal", "probe")}
    last = {name: step for name, step in process.loops.items() if name not in first}
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_loop(process, name, step, process.stopping)) for name, step in first.items()]
        helping = [group.create_task(_loop(process, name, step, draining)) for name, step in last.items()]
        if for_ms is not None:
            await sleep(process.stopping, for_ms)
            process.stopping.set()
        await process.stopping.wait()
        process.journal.say("info", "stopping")
        until_ms = process.clock.now_ms() + DRAIN_MS
        # A claim that is being made now is still to be worked on.
        await asyncio.wait(running, timeout=DRAIN_MS / 1000)
        left = await _drain(process, until_ms)
        draining.set()
        await asyncio.wait(helping, timeout=LAST_MS / 1000)
        for task in (*running, *helping):
            task.cancel()
    await process.tasks.drain(0)
    process.journal.say("info" if not left else "warning", "stopped", left_to_leases=left)


async def _drain(process: Process, until_ms: int) -> int:
    """How many claims are not finished by then."""
    if process.held is None:
        return 0
    while len(process.held) and process.clock.now_ms() < until_ms:
        await asyncio.sleep(0.05)
    return len(process.held)


async def _loop(process: Process, name: str, step: Callable[[], Awaitable[int]], until: asyncio.Event) -> None:
    class StoppableClock(SystemClock):
        async def sleep_ms(self, ms: int) -> None:
            if ms:
                await sleep(until, ms)
            else:
                await asyncio.sleep(0)

    await loops_run.run(step, StoppableClock(), until.is_set, lambda: process.health.beat(name))


__all__ = ["Role", "keep_out_of_collection", "run"]
