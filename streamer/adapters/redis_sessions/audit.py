"""The store as the audit and the command line need it: what was left behind, what is swept, what is in force."""

from collections.abc import Sequence
from typing import cast

from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.judge import JudgeSide
from streamer.core.ids import BUCKETS, Scope, bucket_of_trace
from streamer.core.lifecycle import IN_FORCE_MS
from streamer.core.session import Expired, Forgotten, SessionRef, Sweep

SWEEPS_SHARE = 5
"""Of a page of sessions one in so many may be swept in a call: a sweep reads all turns of its session."""


class AuditSide(JudgeSide):
    async def inspect(self, bucket: int) -> tuple[Sequence[Sweep], Sequence[tuple[Scope, str]]]:
        """One page of the bucket's sessions; the next call goes on where this one ended."""
        cursor = self._cursors.get(bucket, b"0")
        arguments = (cursor, self._s.page, max(1, self._s.page // SWEEPS_SHARE))
        ((cursor, due, parked),) = await self._run([self._call("inspect", bucket, arguments)])
        self._cursors[bucket] = cursor
        sweeps = []
        for _, source, tenant, session_id, version, turns in sorted(due):
            ref = SessionRef(Scope(source.decode(), tenant.decode()), session_id.decode())
            sweeps.append(
                Sweep(ref, int(version), {trace.decode(): int(v) if v else None for trace, v in pairs(turns)})
            )
        return sweeps, [read_trace_name(name) for name in sorted(parked)]

    async def sweep_trace(self, sweep: Sweep, trace_id: str, turn_version: int | None) -> bool:
        arguments = (
            f"{sweep.session.scope}|{trace_id}",
            sweep.session.session_id,
            "" if turn_version is None else turn_version,
        )
        (done,) = await self._run([self._call("sweep_trace", bucket_of_trace(trace_id), arguments)])
        return bool(done)

    async def finish_sweep(self, sweep: Sweep) -> bool:
        call = self._call("finish_sweep", sweep.session.bucket, (sweep.session.key, sweep.version))
        return bool((await self._run([call]))[0])

    async def expire_parked(self, scope: Scope, trace_id: str) -> Expired | None:
        call = self._call("expire_parked", bucket_of_trace(trace_id), (f"{scope}|{trace_id}",))
        why = (await self._run([call]))[0].decode()
        return cast(Expired, why) if why else None

    async def forget(self, bucket: int, rest_ms: int) -> Sequence[Forgotten]:
        """Those that are not at rest are passed over by the next call."""
        passed = self._passed.get((bucket, rest_ms), 0)
        ((gone, seen),) = await self._run([self._call("forget", bucket, (passed, self._s.page, rest_ms))])
        self._passed[bucket, rest_ms] = passed + seen - len(gone) if seen == self._s.page else 0
        return [
            Forgotten(
                SessionRef(Scope(source.decode(), tenant.decode()), session_id.decode()),
                {trace.decode(): int(version) for trace, version in pairs(traces)},
            )
            for source, tenant, session_id, traces in gone
        ]

    async def drop_traces(self, forgotten: Sequence[Forgotten]) -> int:
        calls = [
            self._call("drop_trace", bucket_of_trace(trace_id), (f"{ref.scope}|{trace_id}", ref.session_id, version))
            for ref, traces in forgotten
            for trace_id, version in traces.items()
        ]
        return sum(map(int, await self._run(calls))) if calls else 0

    async def set_paused(self, paused: bool) -> None:
        await self._configure("paused", int(paused))

    async def put_in_force(self, content: bytes) -> int:
        ((number, is_new),) = await self._run([self._call("next_generation", 0, (content, IN_FORCE_MS))])
        if is_new == b"1":
            await self.set_generation(int(number), content)  # a replica that has this has what was written before
        return int(number)

    async def set_generation(self, generation: int, content: bytes) -> None:
        calls = [self._call("raise_generation", bucket, (generation, content)) for bucket in range(BUCKETS)]
        await self._run(calls, confirm=True)

    async def _configure(self, *fields: bytes | str | int) -> None:
        """Repeatable. A worker may see the new value in some buckets before it stands in all."""
        sets = [("HSET", f"{self._s.tag(bucket)}config", *fields) for bucket in range(BUCKETS)]
        await self._run(sets, confirm=True)


def read_trace_name(raw: bytes) -> tuple[Scope, str]:
    """`<source>|<tenant>|<trace>`; a tenant may hold a `|` of its own."""
    source, _, rest = raw.decode().partition("|")
    tenant, _, trace_id = rest.rpartition("|")
    return Scope(source, tenant), trace_id
