"""What the audit does, as the fake Redis does it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from streamer.core.ids import Scope, bucket_of_trace
from streamer.core.session import Expired, Forgotten, Sweep
from tests.fakes import redis_audit as audit
from tests.fakes.redis_state import Bucket, TraceRow, snapshot


class Auditing:
    """A side of FakeSessionStore."""

    _run: Callable[..., Awaitable[Any]]

    def on_sweep(self, b: Bucket, sweep: Sweep, trace_id: str, row: TraceRow) -> None:
        """Seen by a simulation's laws just before raw facts go."""

    def sweeps_at(self, row: TraceRow | None, turn_version: int | None) -> int | None:
        """The version that a trace must have now for its facts to go: that of the turn which was read from them."""
        return turn_version

    async def inspect(self, bucket: int) -> tuple[Sequence[Sweep], Sequence[tuple[Scope, str]]]:
        said: tuple[Sequence[Sweep], Sequence[tuple[Scope, str]]] = await self._run(bucket, audit.inspect)
        return said

    async def sweep_trace(self, sweep: Sweep, trace_id: str, turn_version: int | None) -> bool:
        name, owner = f"{sweep.session.scope}|{trace_id}", sweep.session.session_id

        def body(b: Bucket, now: int) -> bool:
            row: TraceRow | None = b.keys.get(("t", name))
            before = None if row is None else snapshot(row)
            gone = audit.sweep_trace(b, name, owner, self.sweeps_at(row, turn_version))
            if gone and before is not None:
                self.on_sweep(b, sweep, trace_id, before)
            return gone

        said: bool = await self._run(bucket_of_trace(trace_id), body, hot=True)
        return said

    async def finish_sweep(self, sweep: Sweep) -> bool:
        said: bool = await self._run(sweep.session.bucket, lambda b, now: audit.finish_sweep(b, sweep))
        return said

    async def expire_parked(self, scope: Scope, trace_id: str) -> Expired | None:
        name = f"{scope}|{trace_id}"
        said: Expired | None = await self._run(
            bucket_of_trace(trace_id), lambda b, now: audit.expire_parked(b, now, name)
        )
        return said

    async def forget(self, bucket: int, rest_ms: int) -> Sequence[Forgotten]:
        said: Sequence[Forgotten] = await self._run(bucket, lambda b, now: audit.forget(b, now, rest_ms))
        return said

    async def drop_traces(self, forgotten: Sequence[Forgotten]) -> int:
        dropped = 0
        for ref, traces in forgotten:
            for trace_id, version in traces.items():
                body = partial(audit.drop_trace, f"{ref.scope}|{trace_id}", ref.session_id, version)
                dropped += await self._run(bucket_of_trace(trace_id), body)
        return dropped
