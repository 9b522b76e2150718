"""Says what holds a source's watermark back: as a metric while it lasts, in the log when it changes."""

from collections.abc import Sequence

from streamer.core.holding import Hold, hold_of
from streamer.errors import TransientError
from streamer.ports import Journal, Metrics, SessionStore, TopicPartition

EVERY_MS = 5_000


class WatermarkWatch:
    def __init__(self, sources: Sequence[str], store: SessionStore, metrics: Metrics, journal: Journal) -> None:
        self._sources, self._store, self._metrics, self._journal = sources, store, metrics, journal
        self._known: dict[str, tuple[Hold[TopicPartition], int]] = {}
        """By source: what holds it, and since when this process has seen that."""

    async def step(self) -> int:
        for source in self._sources:
            try:
                progress, told = await self._store.progress(source), await self._store.told(source)
                now_ms = await self._store.time_ms()
            except TransientError:  # the probe says it
                return EVERY_MS
            self._say(source, hold_of(progress, told, now_ms), now_ms)
        return EVERY_MS

    def _say(self, source: str, hold: Hold[TopicPartition] | None, now_ms: int) -> None:
        known, since_ms = self._known.get(source, (None, now_ms))
        if known is not None and (hold is None or hold[:2] != known[:2]):
            self._tell(source, known, 0.0)
            if hold is None:
                del self._known[source]
                self._journal.say("info", "watermark_free", source=source)
        if hold is None:
            return
        if known is None or hold[:2] != known[:2]:
            since_ms = now_ms
            where = hold.partition
            self._journal.say(
                "info" if hold.cause == "behind" else "warning",
                "watermark_held",
                source=source,
                topic=where.topic,
                partition=where.partition,
                cause=hold.cause,
            )
        self._known[source] = hold, since_ms
        behind_ms = now_ms - (hold.progress_ms if hold.progress_ms >= 0 else since_ms)
        self._tell(source, hold, behind_ms / 1000)

    def _tell(self, source: str, hold: Hold[TopicPartition], seconds: float) -> None:
        topic, partition = hold.partition
        self._metrics.gauge(
            "watermark_held_seconds",
            seconds,
            source=source,
            topic=topic,
            partition=str(partition),
            cause=hold.cause,
        )
