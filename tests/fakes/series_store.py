"""alert_ports.SeriesStore in memory: the scripts as readable Python."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from streamer.alert_ports import Waiting
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Change, KeptState, Lane, Looked, Standing, Wanted, newest_of, parent_of
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.story import Hit, Tally

HITS_KEPT = 50


class FakeSeries:
    def __init__(self) -> None:
        self.standings: dict[tuple[Lane, str], bytes] = {}
        self.states: dict[tuple[Lane, str], KeptState] = {}
        self.newest: dict[tuple[Lane, str], str] = {}
        self.sums: dict[tuple[Lane, str, str, int], dict[str, float]] = defaultdict(dict)
        self.kept_hits: dict[tuple[Lane, str], list[Hit]] = defaultdict(list)
        self.indexes: dict[Lane, dict[str, tuple[int, int]]] = defaultdict(dict)
        self.known_lanes: set[Lane] = set()
        self.waiting: list[Waiting] = []
        self.now_ms = 0

    async def look(self, wanted: Sequence[Wanted]) -> Sequence[Looked]:
        return [self._look(want) for want in wanted]

    def _look(self, want: Wanted) -> Looked:
        lane, states = want.lane, {n: s for n in want.states if (s := self.states.get((want.lane, n))) is not None}
        elders = {}
        for name in want.states:
            elder = self.states.get((lane, self.newest.get((lane, want.elders.get(name, "")), "")))
            if name not in states and elder is not None:
                elders[name] = elder
        return Looked(
            standings={s: raw for s in want.sessions if (raw := self.standings.get((lane, s))) is not None},
            states=states,
            elders=elders,
            known=frozenset(name for name in want.series if name in self.indexes[lane]),
            series=len(self.indexes[lane]),
        )

    async def apply(self, changes: Sequence[Change]) -> Sequence[bool]:
        return [self._apply(change) for change in changes]

    def _apply(self, change: Change) -> bool:
        lane = change.lane
        if any(self.standings.get((lane, s), b"") != before for s, (before, _, _) in change.standings.items()):
            return False
        if any(self.states.get((lane, s), KeptState(0, b"")).n != n for s, (n, _) in change.states.items()):
            return False
        self.standings |= {(lane, s): raw for s, (_, raw, _) in change.standings.items()}
        self.states |= {(lane, name): kept for name, (_, kept) in change.states.items()}
        self.newest |= {(lane, key): name for key, name in change.newest.items()}
        for kind, table in (("n", change.counts), ("d", change.slices)):
            for (series, hour), fields in table.items():
                sums = self.sums[lane, kind, series, hour]
                for field, amount in fields.items():
                    sums[field] = sums.get(field, 0.0) + amount
        for parent, hits in change.hits.items():
            self.kept_hits[lane, parent] = [*reversed(hits), *self.kept_hits[lane, parent]][:HITS_KEPT]
        self.known_lanes |= {lane} if change.series else set()
        for series, (first, last) in change.series.items():
            before = self.indexes[lane].get(series, (first, last))
            self.indexes[lane][series] = (min(first, before[0]), max(last, before[1]))
        for proposal in change.proposals:
            raw = json.dumps(proposal, ensure_ascii=False, separators=(",", ":")).encode()
            self.waiting.append(Waiting(lane.bucket, raw))
        return True

    async def proposals(self) -> Sequence[Waiting]:
        return sorted(self.waiting, key=lambda one: one.bucket)

    async def drop(self, waiting: Waiting) -> None:
        if waiting in self.waiting:
            self.waiting.remove(waiting)

    async def state(self, lane: Lane, name: str) -> KeptState | None:
        return self.states.get((lane, name))

    async def put_state(self, lane: Lane, name: str, looked: int, state: SeriesState, n: int) -> bool:
        return self._apply(Change(lane=lane, states={name: (looked, KeptState(n, state.encoded()))}))

    async def lanes(self) -> Sequence[Lane]:
        return sorted(self.known_lanes | {lane for lane, index in self.indexes.items() if index})

    async def index(self, lane: Lane) -> Mapping[str, tuple[int, int]]:
        return dict(sorted(self.indexes[lane].items()))

    async def hours(self, lane: Lane, series: str, first: int, last: int) -> Mapping[int, Mapping[str, float]]:
        hours = range(first, last + 1)
        return {hour: dict(sums) for hour in hours if (sums := self.sums.get((lane, "n", series, hour)))}

    async def slices(self, lane: Lane, parent: str, first: int, last: int) -> Mapping[str, Tally]:
        totals: dict[str, Tally] = defaultdict(lambda: Tally(0.0, 0.0))
        for hour in range(first, last + 1):
            for field, amount in self.sums.get((lane, "d", parent, hour), {}).items():
                name, _, kind = field.rpartition("|")
                hits, judged = totals[name]
                totals[name] = Tally(hits + amount, judged) if kind == "h" else Tally(hits, judged + amount)
        return totals

    async def hits(self, lane: Lane, parent: str) -> Sequence[Hit]:
        first = {hit.session: hit for hit in reversed(self.kept_hits[lane, parent])}
        return [hit for hit in self.kept_hits[lane, parent] if first.pop(hit.session, None) and self._is_hit(lane, hit)]

    def _is_hit(self, lane: Lane, hit: Hit) -> bool:
        raw = self.standings.get((lane, hit.session))
        place = Standing.decoded(raw).place if raw else None
        return place is not None and place.outcome == "hit"

    async def strike(self, lane: Lane, session_id: str) -> None:
        for (of, parent), hits in list(self.kept_hits.items()):
            if of == lane:
                self.kept_hits[of, parent] = [hit for hit in hits if hit.session_id != session_id]

    async def sweep(self, lane: Lane, before_ms: int, states_before_ms: int, keep: Collection[str]) -> int:
        index = self.indexes[lane]
        gone = [s for s, (_, last) in index.items() if last < before_ms and _parent(s) not in keep]
        for series in gone:
            del index[series]
        for parent in {_parent(series) for series in gone} - {_parent(series) for series in index}:
            self.kept_hits.pop((lane, parent), None)
        for of, name in list(self.states):
            if of == lane and self.states[of, name].n < states_before_ms * 1_000 and parent_of(name) not in keep:
                del self.states[of, name]
                if self.newest.get((lane, newest_of(name))) == name:
                    del self.newest[lane, newest_of(name)]
        if not index and not any(of == lane for of, _ in self.states):
            self.known_lanes.discard(lane)
        return len(gone)

    async def time_ms(self) -> int:
        return self.now_ms


def _parent(series: str) -> str:
    return str(SeriesKey.read(series).parent)
