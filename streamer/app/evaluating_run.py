"""An evaluation's sessions, listed by one task and judged by many at once.

Rule: names are listed a little ahead, sessions are read when somebody is there to judge them. Told to stop, it finishes
what is under way: that is paid for.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from streamer.app.evaluating_sources import Sessions
from streamer.core.evaluating import Evaluated
from streamer.core.tally import Tally
from streamer.errors import TransientError
from streamer.loops.choke_point import Paused, SpendingLimitReached
from streamer.loops.evaluate import Evaluate
from streamer.loops.handing_over import HandingOver, Written

AHEAD = 10_000
"""Names that are listed before the first session is judged: then it is known how long it takes."""
TRIES, RETRY_S = 5, 2.0
"""A service that hiccups does not end an evaluation of hours."""
OnDone = Callable[[Evaluated, Written | None], None]


@dataclass(slots=True)
class Report:
    tally: Tally
    listed: int = 0
    """Sessions that are known so far, whether judged already or not."""
    all_listed: bool = False
    ended_by: str = ""
    """Why it ended before its end, as a sentence."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Run:
    workers: int
    """Sessions that are read and judged at the same time."""
    limit: int | None
    report: Report
    sessions: Sessions
    judging: Evaluate
    writer: HandingOver | None
    on_done: OnDone


async def run(run: Run) -> None:
    """Until all are judged, or it is told to stop. Raises the first error."""
    names: asyncio.Queue[str | None] = asyncio.Queue(AHEAD)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_list(run, names))
            for _ in range(run.workers):
                group.create_task(_work(run, names))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _list(run: Run, names: asyncio.Queue[str | None]) -> None:
    report = run.report
    async for name in run.sessions.names():
        if report.stopping.is_set() or report.listed == run.limit:
            break
        report.listed += 1
        await names.put(name)
    report.all_listed = True
    for _ in range(run.workers):
        await names.put(None)


async def _work(run: Run, names: asyncio.Queue[str | None]) -> None:
    while (name := await names.get()) is not None:
        if not run.report.stopping.is_set():  # else only emptied, so that the listing ends too
            try:
                await _insistent(run, name)
            except (SpendingLimitReached, Paused) as error:
                run.report.ended_by = _why(error)
                run.report.stopping.set()


def _why(error: SpendingLimitReached | Paused) -> str:
    if isinstance(error, Paused):
        return "streamer is paused: after streamer resume, the same command goes on"
    return (
        "the day's limit of [evaluate] is reached: raise usd_per_day or tokens_per_day, or run the same command again "
        "tomorrow; what was answered is not paid for again"
    )


async def _insistent(run: Run, name: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            return await _one(run, name)
        except TransientError as error:
            if not left:
                raise TransientError(f"{error}; the same command goes on where it was") from error
            await asyncio.sleep(RETRY_S)
    return None


async def _one(run: Run, name: str) -> None:
    done = await run.judging.session(await run.sessions.read(name))
    written: Written | None = None
    if run.writer is not None and done.skipped is None:
        written = await run.writer.hand_over(done)
        run.report.tally.written[written] += 1
    run.report.tally.add(done)
    run.on_done(done, written)
