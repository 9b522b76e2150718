"""Finds what a crash or a race left behind and makes it due; sweeps raw facts; forgets what is long at rest.

Rule: the audit never writes to MLflow or the feed. One step looks at one bucket.
"""

from operator import itemgetter

from streamer.core.ids import BUCKETS
from streamer.core.session import Sweep
from streamer.errors import TransientError
from streamer.ports import Journal, Metrics, SessionStore

PAUSE_MS = 150
"""Between buckets: 16 of them are looked at every 2.4 s."""
BACKOFF_MS = 1_000


class Audit:
    def __init__(self, store: SessionStore, metrics: Metrics, journal: Journal, pause_ms: int = PAUSE_MS) -> None:
        self._store, self._metrics, self._journal, self._pause_ms = store, metrics, journal, pause_ms
        self._bucket = 0

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
            self._metrics.count("sessions_forgotten", await self._store.forget_expired(bucket))
        except TransientError as error:
            self._journal.say("warning", "audit_interrupted", cause=str(error))
            return error.retry_after_ms or BACKOFF_MS
        return self._pause_ms

    async def _sweep(self, sweep: Sweep) -> None:
        """Raw facts go only where the kept turn is of the very version that stands there."""
        for trace_id, version in sorted(sweep.turns.items(), key=itemgetter(0)):
            if await self._store.sweep_trace(sweep, trace_id, version):
                self._metrics.count("traces_swept")
        await self._store.finish_sweep(sweep)
