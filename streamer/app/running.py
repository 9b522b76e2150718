"""The roles of a deployment, and in which order they end."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from streamer.adapters.asyncio_tasks import AsyncioTasks
from streamer.adapters.json_journal import JsonJournal
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.adapters.system_clock import SystemClock
from streamer.app.alerting import start_alerting
from streamer.app.building import Process, Role, sleep, start
from streamer.app.ending import Ending
from streamer.app.reloading import reload_on_hangup
from streamer.errors import ConfigurationError, StreamerError
from streamer.loops import run as loops_run
from streamer.loops.dry_run import Estimate
from streamer.settings import Settings
from streamer.web.state import Health, Service

TICK_MS = 50


def run(
    settings: Settings,
    roles: frozenset[Role],
    *,
    dry_run: bool = False,
    for_ms: int | None = None,
    read_again: Callable[[], Settings] | None = None,
) -> int:
    """Run the roles until SIGTERM or SIGINT, or for `for_ms`; returns the exit code. SIGHUP reads settings again."""
    estimate = Estimate() if dry_run else None
    if dry_run:
        settings = settings.apart(f"dry-run-{os.getpid()}")
    try:
        hangs = asyncio.run(_main(settings, roles, estimate, for_ms, None if dry_run else read_again))
    except BaseExceptionGroup as group:
        raise _cause(group) from None
    if estimate is not None:
        print(estimate)  # noqa: T201 – the result of a dry run
    if hangs:
        _leave()
    return 0


def _leave() -> None:
    """Python would wait for threads that wait for Kafka, and librdkafka's destructors would wait once more."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


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


async def _main(
    settings: Settings,
    roles: frozenset[Role],
    estimate: Estimate | None,
    for_ms: int | None,
    read_again: Callable[[], Settings] | None,
) -> Sequence[str]:
    """Returns what could not be closed in time."""
    clock = SystemClock()
    journal = JsonJournal(clock, settings.log.level, settings.log.format)
    services: list[Service] = ["kafka", "redis"]
    if "judge" in roles:
        services.append("mlflow")
    process = Process(
        settings=settings,
        clock=clock,
        metrics=PrometheusMetrics(),
        journal=journal,
        tasks=AsyncioTasks(),
        health=Health(clock, [], services),
        ending=Ending(clock, journal, settings.stopping.within_ms),
        waits_ms_max=for_ms,
    )
    process.tasks.on_failure = process.stopping.set
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, process.stopping.set)
    try:
        if read_again is not None:
            reload_on_hangup(process, read_again)
        await start(process, roles, estimate)
        if estimate is None:
            await start_alerting(process, roles)
        if for_ms is not None:
            asyncio.get_running_loop().call_later(for_ms / 1000, process.stopping.set)
        keep_out_of_collection()
        await _until_stopped(process)
    except asyncio.CancelledError:
        if process.tasks.failure is None and not process.stopping.is_set():  # stopped while it waited for a service
            raise
    finally:
        await process.ending.close()
        process.journal.say("info", "stopped")
    if process.tasks.failure is not None:
        raise process.tasks.failure
    return process.ending.hangs


def keep_out_of_collection() -> None:
    """What exists by now (modules, most of it) stays: walking it again and again is a tenth of ingest's CPU."""
    gc.collect()
    gc.freeze()


async def _until_stopped(process: Process) -> None:
    """Run every loop; then stop reading and claiming, finish what was begun, stop renewing, and leave what hangs."""
    draining = asyncio.Event()
    tasks: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        for name, step in process.loops.items():
            until = draining if name in ("renewal", "probe") else process.stopping
            tasks[name] = group.create_task(_loop(process, name, step, until))
        await process.stopping.wait()
        process.journal.say("info", "stopping")
        await _finish(process, [task for name, task in tasks.items() if name not in ("renewal", "probe")])
        _say_what_is_left(process, tasks)
        draining.set()
        for task in tasks.values():
            task.cancel()


async def _finish(process: Process, loops: Sequence[asyncio.Task[None]]) -> None:
    """A claim that is being made now is still to be worked on."""
    process.ending.begin()
    while process.ending.work_ms() and (process.claims_held() or not all(loop.done() for loop in loops)):
        await asyncio.sleep(TICK_MS / 1000)


def _say_what_is_left(process: Process, tasks: Mapping[str, asyncio.Task[None]]) -> None:
    late = sorted(name for name, task in tasks.items() if not task.done() and name not in ("renewal", "probe"))
    if late:
        process.journal.say("warning", "left_unread", loops=late, cause="what was not committed is read again")
    if claims := process.claims_held():
        process.journal.say("warning", "claims_left", claims=claims, cause="another worker takes them after the lease")


async def _loop(process: Process, name: str, step: Callable[[], Awaitable[int]], until: asyncio.Event) -> None:
    class StoppableClock(SystemClock):
        async def sleep_ms(self, ms: int) -> None:
            if ms:
                await sleep(until, ms)
            else:
                await asyncio.sleep(0)

    await loops_run.run(step, StoppableClock(), until.is_set, lambda: process.health.beat(name))


__all__ = ["Role", "keep_out_of_collection", "run"]
