"""Decisions as they are made, for `streamer tap`: a stream in each bucket, written only while somebody listens.

Rule: best effort. Whoever listens says so every few seconds; the streams are short, and gone a minute after the last
line. Nothing waits for them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.core.ids import BUCKETS

LISTENING_MS = 10_000
"""A listener that was killed is forgotten after this."""
TOLD_MS = 3_000
LOOK_MS = 200
AT_ONCE = 500


class RedisTap:
    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def decisions(self) -> AsyncIterator[Mapping[str, str]]:
        """Fields of each decision that is made from now on, in order of time as far as one look goes; without end."""
        places = {f"{self._s.tag(bucket)}tap": b"0" for bucket in range(BUCKETS)}
        await self._listen()
        for name, (last,) in zip(places, await self._newest(places), strict=True):
            places[name] = last
        told = 0
        while True:
            found = await self._read(places)
            for line in sorted(found, key=lambda fields: int(fields["at"])):
                yield line
            told += LOOK_MS
            if told >= TOLD_MS:
                await self._listen()
                told = 0
            await asyncio.sleep(LOOK_MS / 1_000)

    async def _listen(self) -> None:
        await self._s.read([("SET", f"{self._s.tag(b)}tap:on", "1", "PX", LISTENING_MS) for b in range(BUCKETS)])

    async def _newest(self, places: Mapping[str, bytes]) -> list[tuple[bytes]]:
        """What another listener has left is not news."""
        found = await self._s.read([("XREVRANGE", name, "+", "-", "COUNT", 1) for name in places])
        return [(entries[0][0] if entries else b"0",) for entries in found]

    async def _read(self, places: dict[str, bytes]) -> list[dict[str, str]]:
        asked = [
            ("XRANGE", name, b"(" + last if last != b"0" else "-", "+", "COUNT", AT_ONCE)
            for name, last in places.items()
        ]
        lines = []
        for name, entries in zip(list(places), await self._s.read(asked), strict=True):
            for entry_id, flat in entries:
                places[name] = entry_id
                lines.append({field.decode(): value.decode("utf-8", "replace") for field, value in pairs(flat)})
        return lines
