"""The feed as its readers want it: each fact once, and none that a later one has overtaken. Joins no group."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path

from streamer.adapters.kafka import reader
from streamer.core.feed_event import Buried, FeedEvent, Newest, event_of
from streamer.core.wire.records import Record
from streamer.errors import ConfigurationError
from streamer.settings import Settings


def of_topic(settings: Settings, since_ms: int | None) -> Iterator[FeedEvent | Buried]:
    """What the topic holds now, or of it what was published since."""
    yield from _read(reader.whole(settings.kafka.connection(), settings.feed.topic, since_ms))


def followed(settings: Settings, since_ms: int | None, until: Callable[[], bool]) -> Iterator[FeedEvent | Buried]:
    """What was published since, or from now on; then what comes, until it is said."""
    batches = reader.following(settings.kafka.connection(), settings.feed.topic, since_ms)
    with closing(batches):
        yield from _read(record for batch in takewhile(lambda _: not until(), batches) for record in batch)


def of_file(file: Path) -> Iterator[FeedEvent | Buried]:
    """A file with a record's value on each line, as `streamer feed tail --json` writes it."""
    newest = Newest()
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                event = _event(line)
                if event is None:
                    raise ConfigurationError(
                        f"{file}:{number} is no record of the feed: `streamer feed tail --json` writes one on each line"
                    )
                if newest.takes(event):
                    yield event
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"a feed cannot be read from {file}: {error}") from None


def _read(records: Iterable[Record]) -> Iterator[FeedEvent | Buried]:
    newest = Newest()
    for record in records:
        if record.value is None:
            yield Buried((record.key or b"").decode("utf-8", "replace"))
            continue
        event = _event(record.value)
        if event is not None and newest.takes(event):
            yield event


def _event(text: str | bytes) -> FeedEvent | None:
    """None for what somebody else has written there, and for a schema of another version."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return event_of(said) if isinstance(said, dict) else None
