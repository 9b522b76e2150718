"""Finds what a crash or a race left behind and makes it due; sweeps raw facts; forgets what is long at rest, and sooner
where Redis has no room.

Rule: the audit never writes to MLflow or the feed. One step looks at one bucket.
"""

from operator import itemgetter

from streamer.core.ids import BUCKETS
from streamer.core.lifecycle import Limits
from streamer.core.pressure import REST_SHARE
from streamer.core.session import Sweep
from streamer.errors import TransientError
from streamer.ports import Journal, Metrics, SessionStore

PAUSE_MS = 150
"""Between buckets: 16 of them are looked at every 2.4 s."""
BACKOFF_MS = 1_000


class Audit:
    def __init__(
        self, store: SessionStore, limits: Limits, metrics: Metrics, journal: Journal, pause_ms: int = PAUSE_MS
    ) -> None:
        self._store, self._limits, self._metrics, self._journal = store, limits, metrics, journal
        self._pause_ms = pause_ms
        self._bucket = 0
        self._is_short = False

    async def step(self) -> int:
        """One bucket; returns how many ms to wait before the next."""
        bucket, self._bucket = self._bucket, (self._bucket + 1) % BUCKETS
        try:
            sweeps, expired = await self._store.inspect(bucket)
            for scope, trace_id in expired:
                if reason := await self._store.expire_parked(scope, trace_id):
                    self._metrics.count("parked_expired", reason=reason)
            for sweep in sweeps:
                await self._sweep(sweep)
            await self._forget(bucket)
        except TransientError as error:
            self._journal.say("warning", "audit_interrupted", cause=str(error))
            return error.retry_after_ms or BACKOFF_MS
        return self._pause_ms

    async def _forget(self, bucket: int) -> None:
        gone = await self._store.forget(bucket, self._limits.return_ms)
        self._metrics.count("sessions_forgotten", len(gone), reason="age")
        if bucket == 0 or self._is_short:
            await self._watch_memory()
        if self._is_short and (early := await self._store.forget(bucket, self._limits.rest_ms_min)):
            await self._store.drop_traces(early)
            self._metrics.count("sessions_forgotten", len(early), reason="memory")

    async def _watch_memory(self) -> None:
        is_short = await self._store.memory_share() > REST_SHARE
        if is_short != self._is_short:
            self._is_short = is_short
            self._journal.say("warning" if is_short else "info", "forgets_early" if is_short else "forgets_in_time")

    async def _sweep(self, sweep: Sweep) -> None:
        """Raw facts go only where the kept turn is of the very version that stands there."""
        for trace_id, version in sorted(sweep.turns.items(), key=itemgetter(0)):
            if await self._store.sweep_trace(sweep, trace_id, version):
                self._metrics.count("traces_swept")
        await self._store.finish_sweep(sweep)
