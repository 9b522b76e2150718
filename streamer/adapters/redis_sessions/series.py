"""alert_ports.SeriesStore on Redis: what the monitor keeps of series, lane by lane."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgpack

from streamer.adapters.redis_sessions.handle import Shared
from streamer.adapters.redis_sessions.ingest import pairs
from streamer.adapters.redis_sessions.scripts import Command, ScriptCall
from streamer.alert_ports import Waiting
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Change, KeptState, Lane, Looked, Standing, Wanted, newest_of, parent_of
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Hit, Tally
from streamer.core.ids import BUCKETS

PROPOSALS_AT_ONCE = 100
HOURS_AT_ONCE = 2_000
"""Hashes that are read in one round trip."""
_OUTCOME = {"h": "hits", "n": "judged"}


class RedisSeries:
    """Scripts and reads go to whichever primary has the lane; nothing here outlives a call."""

    def __init__(self, shared: Shared) -> None:
        self._s = shared

    async def look(self, wanted: Sequence[Wanted]) -> Sequence[Looked]:
        asked: list[Command] = []
        for want in wanted:
            base, lane = self._base(want.lane.bucket), want.lane.id
            asked += [("GET", f"{base}v:{lane}:{session}") for session in want.sessions]
            # Redis refuses a call that names no field.
            asked.append(("HMGET", f"{base}x:{lane}", "", *want.states))
            asked.append(("HMGET", f"{base}i:{lane}", "", *want.series))
            asked.append(("HLEN", f"{base}i:{lane}"))
        replies = iter(await self._s.primary.ask(asked))
        found = [_looked(want, replies) for want in wanted]
        await self._find_elders(wanted, found)
        return found

    async def apply(self, changes: Sequence[Change]) -> Sequence[bool]:
        calls = [
            ScriptCall("apply_change", self._base(change.lane.bucket), (self._s.now_ms(), _packed(change)))
            for change in changes
        ]
        return [bool(done) for done in await self._s.primary.run(calls)]

    async def proposals(self) -> Sequence[Waiting]:
        bases = [self._base(bucket) for bucket in range(BUCKETS)]
        found = await self._s.primary.ask([("LRANGE", f"{base}p", 0, PROPOSALS_AT_ONCE - 1) for base in bases])
        return [Waiting(bucket, raw) for bucket, mine in enumerate(found) for raw in mine]

    async def drop(self, waiting: Waiting) -> None:
        await self._s.primary.ask([("LREM", f"{self._base(waiting.bucket)}p", 1, waiting.raw)])

    async def state(self, lane: Lane, name: str) -> KeptState | None:
        (raw,) = await self._s.primary.ask([("HGET", f"{self._base(lane.bucket)}x:{lane.id}", name)])
        return _state(raw) if raw is not None else None

    async def put_state(self, lane: Lane, name: str, looked: int, state: SeriesState, n: int) -> bool:
        change = Change(lane=lane, states={name: (looked, KeptState(n, state.encoded()))})
        return (await self.apply([change]))[0]

    async def lanes(self) -> Sequence[Lane]:
        found = await self._s.primary.ask([("HVALS", f"{self._base(bucket)}lanes") for bucket in range(BUCKETS)])
        return sorted(Lane.read(raw.decode()) for mine in found for raw in mine)

    async def index(self, lane: Lane) -> Mapping[str, tuple[int, int]]:
        (flat,) = await self._s.primary.ask([("HGETALL", f"{self._base(lane.bucket)}i:{lane.id}")])
        found = {series.decode(): said.split(b"|") for series, said in pairs(flat)}
        return {series: (int(first), int(last)) for series, (first, last) in sorted(found.items())}

    async def hours(self, lane: Lane, series: str, first: int, last: int) -> Mapping[int, Mapping[str, float]]:
        return {hour: sums async for hour, sums in self._sums(lane, "n", series, first, last)}

    async def slices(self, lane: Lane, parent: str, first: int, last: int) -> Mapping[str, Tally]:
        totals: dict[str, dict[str, float]] = defaultdict(lambda: {"hits": 0.0, "judged": 0.0})
        async for _, sums in self._sums(lane, "d", parent, first, last):
            for field, amount in sums.items():
                name, _, kind = field.rpartition("|")
                totals[name][_OUTCOME[kind]] += amount
        return {name: Tally(**total) for name, total in totals.items()}

    async def hits(self, lane: Lane, parent: str) -> Sequence[Hit]:
        base = self._base(lane.bucket)
        (raw,) = await self._s.primary.ask([("LRANGE", f"{base}h:{parent}", 0, -1)])
        by_session: dict[str, Hit] = {}
        for one in raw:
            hit = Hit(*json.loads(one))
            by_session.setdefault(hit.session, hit)
        standings = await self._s.read([("GET", f"{base}v:{lane.id}:{session}") for session in by_session])
        return [
            hit
            for hit, standing in zip(by_session.values(), standings, strict=True)
            if standing is not None
            and (place := Standing.decoded(standing).place) is not None
            and place.outcome == "hit"
        ]

    async def strike(self, lane: Lane, session_id: str) -> None:
        base = self._base(lane.bucket)
        parents = sorted({str(SeriesKey.read(series).parent) for series in await self.index(lane)})
        found = await self._s.read([("LRANGE", f"{base}h:{parent}", 0, -1) for parent in parents])
        gone: list[Command] = [
            ("LREM", f"{base}h:{parent}", 0, raw)
            for parent, raws in zip(parents, found, strict=True)
            for raw in raws
            if Hit(*json.loads(raw)).session_id == session_id
        ]
        await self._s.read(gone)

    async def sweep(self, lane: Lane, before_ms: int, states_before_ms: int, keep: Collection[str]) -> int:
        base = self._base(lane.bucket)
        flat, raw = await self._s.primary.ask([("HGETALL", f"{base}i:{lane.id}"), ("HGETALL", f"{base}x:{lane.id}")])
        series = [
            (name, said)
            for name, said in pairs(flat)
            if int(said.split(b"|")[1]) < before_ms and str(SeriesKey.read(name.decode()).parent) not in keep
        ]
        states = [
            (name, str(kept.n), newest_of(name.decode()))
            for name, kept in ((name, _state(state)) for name, state in pairs(raw))
            if kept.n < states_before_ms * 1_000 and parent_of(name.decode()) not in keep
        ]
        packed: bytes = msgpack.packb([series, states], use_bin_type=False)
        (gone,) = await self._s.primary.run([ScriptCall("sweep_lane", base, (lane.id, packed))])
        return int(gone)

    async def clear(self) -> None:
        """Take away everything but what is owed to notify: for a rebuild."""
        for node in await self._s.primary.nodes():
            cursor: bytes | int = 0
            while True:
                ask = ("SCAN", cursor, "MATCH", f"{self._s.prefix}:{{??}}:w:*", "COUNT", 1_000)
                ((cursor, keys),) = await node.ask([ask])
                await node.ask([("UNLINK", key) for key in keys if not key.endswith(b":w:p")])
                if int(cursor) == 0:
                    break

    async def time_ms(self) -> int:
        return await self._s.time_ms()

    async def _sums(
        self, lane: Lane, kind: str, series: str, first: int, last: int
    ) -> AsyncIterator[tuple[int, dict[str, float]]]:
        base = self._base(lane.bucket)
        for start in range(first, last + 1, HOURS_AT_ONCE):
            hours = range(start, min(start + HOURS_AT_ONCE, last + 1))
            found = await self._s.read([("HGETALL", f"{base}{kind}:{series}:{hour}") for hour in hours])
            for hour, flat in zip(hours, found, strict=True):
                if flat:
                    yield hour, {field.decode(): float(amount) for field, amount in pairs(flat)}

    async def _find_elders(self, wanted: Sequence[Wanted], found: Sequence[Looked]) -> None:
        """States under the judge's former version, for those that are new."""
        new = [
            (want, looked, name, want.elders[name])
            for want, looked in zip(wanted, found, strict=True)
            for name in want.states
            if name not in looked.states and name in want.elders
        ]
        if not new:
            return
        named = await self._s.primary.ask(
            [("HGET", f"{self._base(want.lane.bucket)}e:{want.lane.id}", key) for want, _, _, key in new]
        )
        known = [(entry, elder.decode()) for entry, elder in zip(new, named, strict=True) if elder is not None]
        raws = await self._s.read(
            [("HGET", f"{self._base(e[0].lane.bucket)}x:{e[0].lane.id}", elder) for e, elder in known]
        )
        for ((_, looked, name, _), _), raw in zip(known, raws, strict=True):
            if raw is not None:
                looked.elders[name] = _state(raw)

    def _base(self, bucket: int) -> str:
        return f"{self._s.tag(bucket)}w:"


def _looked(want: Wanted, replies: Iterator[Any]) -> Looked:
    standings = {session: raw for session in want.sessions if (raw := next(replies)) is not None}
    states = {name: _state(raw) for name, raw in zip(want.states, next(replies)[1:], strict=True) if raw is not None}
    known = frozenset(name for name, raw in zip(want.series, next(replies)[1:], strict=True) if raw is not None)
    return Looked(standings=standings, states=states, elders={}, known=known, series=next(replies))


def _state(raw: bytes) -> KeptState:
    n, _, state = raw.partition(b" ")
    return KeptState(int(n), state)


def _packed(change: Change) -> bytes:
    """Numbers that are added go as text: Lua's own formatting loses digits."""
    sums = [
        [kind, series, hour, *(part for field, amount in fields.items() for part in (field, repr(amount)))]
        for kind, table in (("n", change.counts), ("d", change.slices))
        for (series, hour), fields in table.items()
    ]
    standings = [[session, *entry] for session, entry in change.standings.items()]
    states = [[name, str(n), str(kept.n), kept.raw] for name, (n, kept) in change.states.items()]
    hits = [[parent, *(json.dumps(hit, ensure_ascii=False) for hit in mine)] for parent, mine in change.hits.items()]
    index = [[series, first, last] for series, (first, last) in change.series.items()]
    proposals = [json.dumps(proposal, ensure_ascii=False, separators=(",", ":")) for proposal in change.proposals]
    packed: bytes = msgpack.packb(
        [
            change.lane.id,
            str(change.lane),
            standings,
            states,
            sums,
            hits,
            index,
            list(change.newest.items()),
            proposals,
        ],
        use_bin_type=False,
    )
    return packed
