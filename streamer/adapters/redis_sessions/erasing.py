"""The store as `streamer forget` needs it: what was said in a session and its traces goes."""

from collections.abc import Mapping
from typing import Literal

from streamer.adapters.redis_sessions.audit import AuditSide
from streamer.adapters.redis_sessions.scripts import Argument
from streamer.core.ids import Scope, bucket_of_trace
from streamer.core.ledger import Entry
from streamer.core.session import SessionRef
from streamer.core.turn import Turn

ERASED: Mapping[int, Literal["erased", "grown", "unknown"]] = {1: "erased", 0: "grown", -1: "unknown"}


class ErasingSide(AuditSide):
    async def erase(
        self, session: SessionRef, version: int, entries: Mapping[str, Entry], turn: Turn | None
    ) -> Literal["erased", "grown", "unknown"]:
        """Members, turns, answers and ledger go; `entries` and a bare `turn` stay, for the claim that takes the rows
        back. Confirmed by a replica where there is one. Repeatable: it is then erased once more."""
        arguments: list[Argument] = [session.key, version, len(entries)]
        arguments += [part for judge, entry in entries.items() for part in (judge, entry.to_json())]
        if turn is not None:
            arguments += (turn.trace_id, b"%d:%b" % (turn.version, self._s.codec.pack(turn)))
        (said,) = await self._run([self._call("erase", session.bucket, arguments)], confirm=True)
        return ERASED[said]

    async def erase_trace(self, scope: Scope, trace_id: str, owner: str, version: int) -> bool:
        """Raw spans go, and what still comes of the trace is not taken. False: it has grown since `version` was read.
        Confirmed like `erase`. Repeatable."""
        arguments = (f"{scope}|{trace_id}", owner, version)
        call = self._call("erase_trace", bucket_of_trace(trace_id), arguments)
        return bool((await self._run([call], confirm=True))[0])
