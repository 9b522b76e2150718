"""The stream of verdicts, read: what holds now, and what comes."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamer.api.judging import settings_of
from streamer.app import feeding, people
from streamer.core.feed_event import Buried, FeedEvent, standing
from streamer.settings import Settings

Since = timedelta | datetime | None
"""How long ago, or when; a time without a zone is UTC."""


def verdicts(
    source: Path | str | None = None,
    *,
    judge: str | None = None,
    since: Since = None,
    config: Settings | Path | str | None = None,
) -> Iterator[FeedEvent]:
    """The verdict that holds now of every (session, judge), in the order in which they were given: of the feed's topic,
    or of a file (`streamer feed tail --json`). What was retracted or forgotten is not among them."""
    settings = settings_of(config)
    heard = feeding.of_topic(settings, _since_ms(since)) if source is None else feeding.of_file(Path(source))
    for event in standing(heard):
        if judge in (None, event.judge):
            yield event


def feed(
    source: Path | str | None = None,
    *,
    follow: bool = True,
    since: Since = None,
    config: Settings | Path | str | None = None,
) -> "Feed":
    """Verdicts, failures, retractions and closings, each once, none that a later one has overtaken.

    Of the feed's topic, from now on or from `since` on, until the loop is left; with `follow=False`, or of a file, what
    is there. For `for` and for `async for`; joins no consumer group.
    """
    return Feed(settings_of(config), None if source is None else Path(source), follow, _since_ms(since))


@dataclass(slots=True)
class Feed:
    """Every loop over it reads anew. `close` ends the loops over it, from any thread."""

    settings: Settings
    file: Path | None
    follow: bool
    since_ms: int | None
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[FeedEvent]:
        return self._events(self._stopping)

    async def __aiter__(self) -> AsyncIterator[FeedEvent]:
        """The broker is waited for in a thread; whoever leaves the loop ends it within half a second."""
        leaving = threading.Event()
        events = self._events(_Either(self._stopping, leaving))
        try:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            leaving.set()

    def close(self) -> None:
        self._stopping.set()

    def _events(self, stopping: "threading.Event | _Either") -> Iterator[FeedEvent]:
        return (event for event in self._heard(stopping) if not isinstance(event, Buried))

    def _heard(self, stopping: "threading.Event | _Either") -> Iterable[FeedEvent | Buried]:
        if self.file is not None:
            return feeding.of_file(self.file)
        if not self.follow:
            return feeding.of_topic(self.settings, self.since_ms)
        return feeding.followed(self.settings, self.since_ms, stopping.is_set)


@dataclass(frozen=True, slots=True)
class _Either:
    one: threading.Event
    other: threading.Event

    def is_set(self) -> bool:
        return self.one.is_set() or self.other.is_set()


def _since_ms(since: Since) -> int | None:
    if since is None:
        return None
    if isinstance(since, timedelta):
        return people.now_ms() - round(since.total_seconds() * 1000)
    return round((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp() * 1000)
