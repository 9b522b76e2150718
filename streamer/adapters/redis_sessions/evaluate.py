"""The store as an evaluation needs it: what the live path knows of a session, and the hand-over of verdicts to it.

Rule: a session that was judged apart is taken like any claim, under a token and a lease. From then on everything is the
live path's: intents, rows, completion; and if whoever took it dies, the next claim delivers what the ledger owes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import cast, get_args

from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.judge import write_row
from streamer.adapters.redis_sessions.rebuild import RebuildStore
from streamer.adapters.redis_sessions.scripts import Argument
from streamer.core.ids import bucket_of_trace
from streamer.core.session import Claim, Handover, NotTaken, SessionRef


class EvaluateStore(RebuildStore):
    async def remember_traces(self, session: SessionRef, trace_ids: Sequence[str]) -> Mapping[str, int]:
        """Traces that MLflow has, as read and swept; by trace its version, 0 if it was erased. Repeatable."""
        calls = [
            self._call("remember_trace", bucket_of_trace(t), (f"{session.scope}|{t}", session.session_id))
            for t in trace_ids
        ]
        versions = await self._run(calls) if calls else []
        return {trace_id: int(version) for trace_id, version in zip(trace_ids, versions, strict=True)}

    async def take(self, session: SessionRef, what: Handover) -> Claim | NotTaken:
        """Lease a session that is at rest, or that nobody knows; or why not. A reply that is lost leaves a claim that
        never comes back."""
        lists: list[Argument] = []
        for turn in what.turns:
            lists += (turn.trace_id, turn.version, b"%d:%b" % (turn.version, self._s.codec.pack(turn)))
        lists += [part for judge, entry in what.entries.items() for part in (judge, entry.to_json())]
        standing = sorted(what.rows)
        lists += [part for row in standing for part in write_row(row)]
        counts = (len(what.turns), len(what.entries), len(standing))
        scope, epoch = session.scope, self._seen
        head: tuple[Argument, ...] = (session.key, scope.source, scope.tenant, session.session_id, what.version)
        call = self._call("take", session.bucket, (*head, what.activity_ms, *what.pace, *counts, *lists))
        (reply,) = await self._run([call])
        if (why := reply[0].decode()) in get_args(NotTaken):
            return cast(NotTaken, why)
        _, now_ms, generation, interrupted, flat, members, turns, ledger = reply
        row = dict(pairs(flat))
        return Claim(
            session=session,
            token=int(row[b"token"]),
            generation=int(generation),
            watermark_ms=-1,
            claimed_at_ms=int(now_ms),
            due="taken",
            interrupted=interrupted == b"1",
            state=self._read_state(row, members, turns, ledger),
            epoch=epoch,
            backfill=True,
        )

    async def active_since(self, bucket: int, since_ms: int) -> Sequence[str]:
        """Keys of the bucket's sessions whose last record is not before that (record time)."""
        keys = await self.known(bucket)
        told = await self._ask([("HGET", f"{self._s.tag(bucket)}s:{key}", "activity") for key in keys]) if keys else []
        return [key for key, activity in zip(keys, told, strict=True) if int(activity or 0) >= since_ms]

    async def judges_in_force(self) -> Mapping[str, str]:
        """Version by name of the judges in the configuration in force; empty before the first judge worker."""
        (content,) = await self._ask([("HGET", f"{self._s.tag(0)}config", "content")])
        return dict(json.loads(content)[0]) if content else {}

    async def is_paused(self) -> bool:
        (paused,) = await self._ask([("HGET", f"{self._s.tag(0)}config", "paused")])
        return bool(paused == b"1")
