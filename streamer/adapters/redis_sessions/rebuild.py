"""The store as a rebuild needs it: which sessions there are, what is restored of one, and how far it has come.

Rule: `<prefix>:rebuild` is there from the first record to the last session; while it is, no worker starts.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamer.adapters.redis_sessions.erasing import ErasingSide
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.judge import write_row
from streamer.adapters.redis_sessions.scripts import Argument
from streamer.core.ids import BUCKETS, bucket_of_session
from streamer.core.session import Restoration

BEGAN_AT = "from"


class Begun(NamedTuple):
    """An unfinished rebuild: where it was told to begin, and by name of partition what was noted of each."""

    start: str
    notes: Mapping[str, str]


class RebuildStore(ErasingSide):
    async def known(self, bucket: int) -> Sequence[str]:
        """Keys of all sessions in a bucket."""
        (keys,) = await self._ask([("ZRANGE", f"{self._s.tag(bucket)}sessions", 0, -1)])
        return sorted(key.decode() for key in keys)

    async def count(self) -> int:
        """Of sessions in Redis."""
        return sum(await self._ask([("ZCARD", f"{self._s.tag(bucket)}sessions") for bucket in range(BUCKETS)]))

    async def restore(self, key: str, what: Restoration) -> bool:
        """Turns, ledger and rows of a session. False if it has grown or is leased. Repeatable: an entry that is there
        stays."""
        lists: list[Argument] = []
        for turn in what.turns:
            lists += (turn.trace_id, b"%d:%b" % (turn.version, self._s.codec.pack(turn)))
        lists += [part for judge, entry in what.entries.items() for part in (judge, entry.to_json())]
        standing = sorted(what.rows)
        lists += [part for row in standing for part in write_row(row)]
        counted = (*what.size, *what.look, len(what.turns), len(what.entries), len(standing))
        head: tuple[Argument, ...] = (key, what.version, *what.pace, what.rests or "", *counted)
        (done,) = await self._run([self._call("restore", bucket_of_session(key), (*head, *lists))])
        return bool(done)

    # ------------------------------------------------------------ how far it has come

    async def begun(self) -> Begun | None:
        (flat,) = await self._ask([("HGETALL", self._noted)])
        said = {name.decode(): value.decode() for name, value in pairs(flat)}
        return Begun(said.pop(BEGAN_AT), said) if said else None

    async def begin(self, start: str) -> None:
        """From here on no worker starts. What an earlier one had noted is forgotten."""
        await self._ask([("UNLINK", self._noted), ("HSET", self._noted, BEGAN_AT, start)])

    async def note(self, notes: Mapping[str, str]) -> None:
        await self._ask([("HSET", self._noted, *(part for note in notes.items() for part in note))])

    async def finish(self, until_ms: int | None) -> None:
        """Workers may start. Sessions whose last record is not after `until_ms` (record time) are told to the feed as
        what they are: not live. None: it was given up before anything was read."""
        if until_ms is not None:
            await self.set_rebuilt(until_ms)
        await self._ask([("UNLINK", self._noted)])

    async def set_rebuilt(self, until_ms: int) -> None:
        await self._configure("rebuilt", until_ms)

    async def heard_ms(self) -> int:
        """When a judge worker was last heard, by Redis' clock; 0: never."""
        (alive,) = await self._ask([("HGET", f"{self._s.tag(0)}config", "alive")])
        return int(alive or 0)

    @property
    def _noted(self) -> str:
        return f"{self._s.prefix}:rebuild"
