"""`streamer compare`: the feed read from its topic or from a file, and what is known of a judge's own noise."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamer.adapters.kafka import reader
from streamer.adapters.redis_sessions.answers import SavedAnswers
from streamer.app.people import redis_of
from streamer.core.alerts.observation import Observation, UnreadableRecord, observed
from streamer.core.compare import Comparison
from streamer.core.compared import Compared, with_rationales
from streamer.errors import ConfigurationError, StreamerError
from streamer.settings import Settings


class Unread:
    """Lines that were none of the feed's: counted, and where the first ones are."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[str]()

    def add(self, where: str, why: str) -> None:
        self.count += 1
        if len(self.first) < 3:
            self.first.append(f"{where}: {why}")


def compare(
    settings: Settings, file: Path | None, since_ms: int | None, until_ms: int | None, into: Comparison, unread: Unread
) -> int:
    """How many records of the period there were. The period is that of the conversations' ends."""
    records = _of_file(file) if file is not None else _of_topic(settings, since_ms)
    count = 0
    for where, raw in records:
        seen = _seen(where, raw, unread)
        if seen is None or (since_ms is not None and seen.at_ms < since_ms):
            continue
        if until_ms is not None and seen.at_ms >= until_ms:
            continue
        into.add(seen)
        count += 1
    return count


def explain(settings: Settings, file: Path | None, since_ms: int | None, found: Compared) -> None:
    """The rationales of the sessions that are shown: the feed is read once more, and of it only their records."""
    shown = {one.first_trace_id.encode() for judge in found.judges for one in judge.explained_by}
    if not shown:
        return
    records = _of_file(file) if file is not None else _of_topic(settings, since_ms)
    of_shown = ((where, raw) for where, raw in records if any(trace in raw for trace in shown))
    seen = (_seen(where, raw, Unread()) for where, raw in of_shown)
    with_rationales(found, (one for one in seen if one is not None))


def _seen(where: str, raw: bytes, unread: Unread) -> Observation | None:
    try:
        return observed(json.loads(raw))
    except UnreadableRecord as error:
        unread.add(where, str(error))
    except ValueError:
        unread.add(where, "no JSON")
    return None


def _of_topic(settings: Settings, since_ms: int | None) -> Iterator[tuple[str, bytes]]:
    """A conversation is told after it has ended, so nothing that was told before the period is of it."""
    for record in reader.whole(settings.kafka.connection(), settings.feed.topic, since_ms):
        if record.value:
            yield f"{record.topic}/{record.partition}@{record.offset}", record.value


def _of_file(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with file.open("rb") as lines:
            for n, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file}:{n}", line
    except OSError as error:
        raise ConfigurationError(f"--feed {file}: {error.strerror}") from None


async def noise_of(settings: Settings, versions: Mapping[str, list[str]]) -> dict[str, Any]:
    """By judge, how often its versions agree with themselves; without Redis nothing is known of it."""
    try:
        async with redis_of(settings.apart("evaluate")) as redis:
            found = await SavedAnswers(redis.shared, redis.evaluate_handle(), 1).noise()
    except StreamerError:
        return {}
    return {
        judge: {version: json.loads(found[name]) for version in known if (name := f"{judge}|{version}") in found}
        for judge, known in versions.items()
    }
