"""SIGHUP: judges, rules and the paces of sessions are read again, without a restart.

Rule: nothing is put in force before all of it was checked as at a start; what is refused changes nothing. Whatever else
the file says differently waits for a restart, and is named.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator

from streamer.adapters.litellm_model import check_provider
from streamer.app.building import Process
from streamer.core.judges import models_of
from streamer.errors import ConfigurationError, TransientError
from streamer.settings import Settings

LOOK_MS = 200
PACES = ("idle_gap_ms", "settle_ms", "max_age_ms", "max_turns", "max_bytes")
TAKEN = frozenset({"rules", "judges", *(f"sessions.{key}" for key in PACES)})


def reload_on_hangup(process: Process, read: Callable[[], Settings]) -> None:
    """Adds a loop: a signal must not interrupt what is being told to Redis. One that comes while a service
    is still waited for is heard once it is there."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)

    async def step() -> int:
        if asked.is_set():
            asked.clear()
            await reload(process, read)
        return LOOK_MS

    process.loops["reload"] = step


async def reload(process: Process, read: Callable[[], Settings]) -> None:
    """Go by the settings as they are written now."""
    try:
        settings = await asyncio.to_thread(read)
        if process.judging is not None:
            for model in models_of(settings.judge_specs()):
                check_provider(model)
            await asyncio.to_thread(process.judging.judges.make_ready, settings.judge_specs())
    except ConfigurationError as error:
        process.journal.say("error", "reload_refused", cause=str(error), remedy="correct it and send SIGHUP again")
        process.metrics.gauge("reload_ok", 0)
        return
    waiting = sorted(changed(process.settings, settings) - TAKEN)
    _take(process, settings)
    terms = settings.terms()
    if process.judging is not None:
        process.judging.in_force.take(terms)
        try:
            await process.judging.in_force.tell()
        except TransientError as error:  # the loop `configuration` tells it as soon as Redis answers
            process.journal.say("warning", "reload_waits", cause=str(error))
    process.journal.say("warning" if waiting else "info", "reloaded", hash=terms.hash, needs_restart=waiting)
    process.metrics.gauge("reload_ok", 1)


def _take(process: Process, settings: Settings) -> None:
    """Only what a reload may change: the rest stays as this process was started with it."""
    old = process.settings.sessions
    paces = {key: getattr(settings.sessions, key) for key in PACES}
    update = {"rules": settings.rules, "judges": settings.judges, "sessions": old.model_copy(update=paces)}
    process.settings = process.settings.model_copy(update=update)
    if process.redis is not None:
        process.redis.take(process.settings.limits())


def changed(old: Settings, new: Settings) -> set[str]:
    """Keys whose values differ; of a list of tables the list's name."""
    return set(_changed(old, new))


def _changed(old: Settings, new: Settings) -> Iterator[str]:
    for name in Settings.model_fields:
        one, other = getattr(old, name), getattr(new, name)
        if isinstance(one, tuple):
            yield from [name] if one != other else []
        else:
            yield from (f"{name}.{key}" for key in type(one).model_fields if getattr(one, key) != getattr(other, key))
