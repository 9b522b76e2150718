"""What an open session is waiting for, asked of Redis."""

from collections.abc import Mapping
from typing import NamedTuple

from streamer.adapters.redis_sessions import RedisConnection
from streamer.core.holding import Cause, Hold, hold_of, reason_of
from streamer.core.outlook import closing_words, outlook_of
from streamer.core.session import SessionState
from streamer.core.status import SessionLine
from streamer.core.watermark import watermark_of
from streamer.ports import TopicPartition
from streamer.settings import Settings

NOTHING_READ = "nothing read yet"


class Holding(NamedTuple):
    """Of a source, for people and for machines."""

    sentence: str
    cause: Cause | None


async def outlook(redis: RedisConnection, settings: Settings, state: SessionState, line: SessionLine) -> str | None:
    """When an open session closes, or what it waits for; None if it is not open."""
    if line.state != "open" or line.due_ms is None:
        return None
    store = redis.handle()
    progress, now_ms = await store.progress(line.source), await store.time_ms()
    hold = hold_of(progress, await store.told(line.source), now_ms)
    where = f"partition {hold.partition.partition} of {hold.partition.topic}" if hold else ""
    found = outlook_of(state, line.due_ms, settings.limits())
    return closing_words(found, watermark_of(progress.values()), hold, where, now_ms)


def holding(progress: Mapping[TopicPartition, int], hold: Hold[TopicPartition] | None, now_ms: int) -> Holding:
    """What holds a source's watermark back."""
    if hold is None:
        return Holding("nothing" if progress else NOTHING_READ, None)
    sentence = f"{hold.partition.topic}/{hold.partition.partition}: {reason_of(hold, now_ms)}"
    return Holding(NOTHING_READ if max(progress.values()) < 0 else sentence, hold.cause)
