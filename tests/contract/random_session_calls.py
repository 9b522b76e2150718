"""Random calls of a SessionStore, and what two stores hold in comparable form."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from streamer.core.assessment import RowRef
from streamer.core.close_reason import CloseReason
from streamer.core.ids import BUCKETS, Scope
from streamer.core.ledger import Entry, EntryState
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion
from streamer.core.rules import Pace
from streamer.core.session import Claim, Forgotten, Handover, Look, Outcome, Restoration, SessionRef, Size, Sweep, Wake
from streamer.core.turn import Turn
from streamer.core.verdict import Verdict
from streamer.core.wire.records import Fragment
from streamer.errors import OwnershipLost
from streamer.ports import SessionStore

START_MS = 1_700_000_000_000
LIMITS = Limits(
    gap_ms_min=900, max_age_ms=20_000, settle_ms=100, lease_ms=1_500, late_ms=2_000, parked_ms=5_000, look_ms=500,
    looks_max=3, zombie_ms_max=8_000, return_ms=30_000, traces_max=5, settle_ms_max=400, max_turns=2, max_bytes=500,
)  # fmt: skip
SCOPES = (Scope("spans", "acme"), Scope("spans", "beta"), Scope("logs", "a|b"))
JUDGES = ("frustration", "safety")
Call = Callable[[SessionStore, Any], Awaitable[Any]]


class Twins:
    """The same call to both stores, at the same virtual time; their replies must be equal."""

    def __init__(
        self, seed: int, fakes: list[SessionStore], reals: list[SessionStore], tick: Callable[[int], int]
    ) -> None:
        self.r = random.Random(seed)
        self.fakes, self.reals, self.tick = fakes, reals, tick
        self.claims: list[Claim] = []
        self.sweeps: list[Sweep] = []
        self.parked: list[tuple[Scope, str]] = []
        self.forgotten: list[Forgotten] = []
        self.versions: dict[tuple[Scope, str], int] = {}
        self.log: list[str] = []

    async def both(self, name: str, *arguments: Any) -> Any:
        worker = self.r.randrange(len(self.fakes))
        self.log.append(f"{name}{arguments}")
        said, meant = [await reply(store, name, arguments) for store in (self.reals[worker], self.fakes[worker])]
        assert said == meant, f"{name}{arguments}: Redis said {said}, the twin {meant}"
        return meant

    async def step(self) -> None:
        now = self.tick(self.r.choice((0, 1, 50, 300, 800)) if self.r.random() < 0.97 else 12_000)
        busy = bool(self.claims) and self.r.random() < 0.5
        await self.r.choice(OF_CLAIMS if busy else FREE)(self, now)

    def scope(self) -> Scope:
        return self.r.choice(SCOPES)

    def trace(self) -> str:
        return f"{self.r.randrange(6):030x}{self.r.randrange(2):02x}"

    def session(self, scope: Scope) -> SessionRef:
        return SessionRef(scope, f"chat-{self.r.randrange(3)}")

    def pace(self) -> Pace:
        return Pace(self.r.choice((900, 1_500, 2_000)), self.r.choice((50, 100, 400)), self.r.choice((3_000, 20_000)))

    def turn(self, scope: Scope, trace_id: str) -> Turn:
        version = max(0, self.versions.get((scope, trace_id), 1) - self.r.choice((0, 0, 0, 1)))
        return Turn(trace_id=trace_id, version=version, start_ns=1, end_ns=2, user="hi", assistant="ho")


async def reply(store: SessionStore, name: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return await getattr(store, name)(*arguments)
    except OwnershipLost:
        return "lost"


async def save(t: Twins, now: int) -> None:
    scope = t.scope()
    fragments = []
    for _ in range(t.r.randrange(1, 5)):
        names = tuple(sorted({t.session(scope).session_id for _ in range(t.r.choice((0, 1, 1, 2)))}))
        body = t.r.randrange(4).to_bytes(16, "big")
        fragments.append(Fragment(scope.tenant, t.trace(), body, b"\0" + body, names, t.r.random() < 0.2))
    saved = await t.both("save_fragments", scope.source, fragments)
    wakes = []
    for (tenant, trace_id), (candidates, version, ends) in saved.items():
        t.versions[Scope(scope.source, tenant), trace_id] = version
        for candidate in candidates:
            at = now - t.r.randrange(1_000)
            wakes.append(
                Wake(
                    SessionRef(Scope(scope.source, tenant), candidate), trace_id, version, at, ends, t.r.randrange(200)
                )
            )
    if t.r.random() < 0.9:
        for ref, trace_id in sorted(await t.both("wake", wakes)):
            await t.both("park", ref.scope, trace_id)


async def end(t: Twins, now: int) -> None:
    await t.both("end_session", t.session(t.scope()), now - t.r.randrange(300))


async def claim(t: Twins, now: int) -> None:
    marks = {"spans": now - t.r.randrange(500), "logs": now - t.r.randrange(5_000)}
    got = await t.both("claim", t.r.choice((1, 2, 3, 50)), marks, t.r.choice((1, 2, 3, 3)))
    t.claims = (t.claims + list(got.claims))[-6:]


async def inspect(t: Twins, now: int) -> None:
    for bucket in range(BUCKETS):
        sweeps, parked = await t.both("inspect", bucket)
        t.sweeps, t.parked = (t.sweeps + list(sweeps))[-4:], (t.parked + list(parked))[-4:]


async def clean(t: Twins, now: int) -> None:
    for sweep in t.sweeps:
        for trace_id, version in sweep.turns.items():
            kept = t.versions.get((sweep.session.scope, trace_id), version)
            await t.both("sweep_trace", sweep, trace_id, t.r.choice((version, kept)))
        await t.both("finish_sweep", sweep)
    for scope, trace_id in t.parked:
        await t.both("expire_parked", scope, trace_id)
    for bucket in range(BUCKETS):
        t.forgotten += await t.both("forget", bucket, t.r.choice((LIMITS.return_ms, LIMITS.rest_ms_min)))
    if t.r.random() < 0.5:  # else what was forgotten may come again before its traces are dropped
        await t.both("drop_traces", t.forgotten)
        t.forgotten = []


async def look(t: Twins, now: int) -> None:
    scope = t.scope()
    await t.both("facts", scope, [f"{n:030x}{b:02x}" for n in range(6) for b in range(2)])
    await t.both("time_ms")
    await t.both("session", t.session(scope).key)


async def adopt(t: Twins, now: int) -> None:
    scope = t.scope()
    await t.both("adopt", scope, t.trace(), t.session(scope), now - 200)


async def configure(t: Twins, now: int) -> None:
    await t.both("set_paused", t.r.random() < 0.2)
    await t.both("set_generation", t.r.randrange(1, 3), b"{}")
    await t.both("put_in_force", t.r.choice([b"{}", b"[]"]))


async def restore(t: Twins, now: int) -> None:
    """A rebuild: with what is read of a session just now, and sometimes with what has changed since."""
    scope = t.scope()
    ref = t.session(scope)
    found = await t.both("session", ref.key)
    version = (found[1].version if found else 1) - t.r.choice((0, 0, 0, 1))
    turns = [t.turn(scope, trace_id) for trace_id in (found[1].members if found else ())]
    entries = {
        judge: Entry(state="judged", generation=0, judge_version="0", mlflow=True, feed=True) for judge in JUDGES
    }
    rows = frozenset(RowRef(f"a-0-{judge}", "tr-0", judge) for judge in JUDGES if t.r.random() < 0.7)
    rests: CloseReason | None = t.r.choice(("quiet", "empty", None))
    size, look = Size(t.r.randrange(4), t.r.randrange(99)), Look(t.r.randrange(6), t.r.randrange(999))
    what = Restoration(
        version=version,
        pace=Pace(900, 200, 5_000),
        turns=turns,
        entries=entries,
        rows=rows,
        rests=rests,
        size=size,
        look=look,
    )
    await t.both("restore", ref.key, what)
    await t.both("set_rebuilt", now - t.r.randrange(-500, 2_000))


async def take(t: Twins, now: int) -> None:
    """An evaluation hands a session over: one that nobody knew, one at rest, one that has changed meanwhile."""
    scope = t.scope()
    ref = t.session(scope)
    found = await t.both("session", ref.key)
    traces = sorted({t.trace() for _ in range(t.r.randrange(1, 3))})
    versions = await t.both("remember_traces", ref, traces)
    what = Handover(
        version=(found[1].version if found else 0) + t.r.choice((0, 0, 0, 1)),
        activity_ms=now - t.r.randrange(1_000),
        pace=t.pace(),
        turns=[replace(t.turn(scope, name), version=version) for name, version in versions.items() if version],
        entries={t.r.choice(JUDGES): Entry(state="judged", generation=0, judge_version="0", mlflow=True, feed=True)},
        rows=frozenset(RowRef(f"a-0-{judge}", "tr-0", judge) for judge in JUDGES if t.r.random() < 0.3),
    )
    taken = await t.both("take", ref, what)
    if isinstance(taken, Claim):
        t.claims = [*t.claims, taken][-6:]


async def renew(t: Twins, now: int) -> None:
    await t.both("renew", t.claims)


def next_look(t: Twins) -> Look:
    return Look(t.r.choice((0, 1, 3, 5)), t.r.choice((0, 200, 900)))


async def give_up(t: Twins, now: int) -> None:
    c = t.r.choice(t.claims)
    if t.r.random() < 0.5:
        await t.both("release", c, t.pace(), now + t.r.randrange(-500, 2_000), next_look(t))
    else:
        await t.both("put_back", c, t.r.randrange(0, 800))


async def think(t: Twins, now: int) -> None:
    c = t.r.choice(t.claims)
    await t.both("holds", c)
    turns = {trace_id: t.turn(c.session.scope, trace_id) for trace_id in c.state.members}
    await t.both("keep_turns", c, list(turns.values()), t.pace())
    await t.both("find_answer", c, "k1")
    answer = Completion(content="ja ✓", input_tokens=1, output_tokens=2, cost_usd=None)
    await t.both("save_answer", c, t.r.choice(("k1", "k2")), answer)


async def write(t: Twins, now: int) -> None:
    c = t.r.choice(t.claims)
    judges = [judge for judge in JUDGES if t.r.random() < 0.7]
    rows = [RowRef(f"a-{place}-{judge}", f"tr-{place}", judge) for judge in judges for place in t.r.sample((1, 2), 1)]
    begun = await t.both("begin_write", c, rows) if t.r.random() < 0.8 else "skipped"
    if t.r.random() < 0.3:
        return
    states: tuple[EntryState, ...] = ("judged", "judged", "failed", "retrying", "retracted", "filtered", "sampled_out")
    entries = {
        judge: Entry(
            state=t.r.choice(states),
            generation=1,
            judge_version="1",
            mlflow=t.r.random() < 0.8,
            feed=t.r.random() < 0.8,
            verdict=t.r.choice((None, Verdict(value="good", rationale=""))),
        )
        for judge in judges
    }
    outcome = Outcome(
        version=t.r.choice((c.state.version, c.state.version, c.state.version + 1)),
        entries=entries,
        rows=frozenset(rows),
        placed=frozenset(judge for judge in judges if t.r.random() < 0.7),
        next_in_ms=t.r.choice((None, None, 0, 700)),
        first_missing=t.r.random() < 0.2,
        looking=t.r.random() < 0.2,
        retracted=t.r.random() < 0.1,
        begun=begun not in ("lost", "skipped"),
        crowded=t.r.random() < 0.1,
        doubtful=t.r.random() < 0.2,
        reason=t.r.choice(("quiet", "ended", "quiet", "max_age", "max_turns", None)),
        size=Size(t.r.randrange(4), t.r.randrange(300)),
        look=next_look(t),
    )
    await t.both("end_write", c, outcome)


async def erase(t: Twins, now: int) -> None:
    """A session with the traces that it has, of which some have grown meanwhile."""
    ref = t.session(t.scope())
    found = await t.both("session", ref.key)
    if found is None or t.r.random() < 0.6:
        return
    for trace_id, version in found[1].members.items():
        kept = t.versions.get((ref.scope, trace_id), version)
        await t.both("erase_trace", ref.scope, trace_id, ref.session_id, t.r.choice((version, kept)))
    gone = Entry(state="retracted", generation=1, judge_version="1")
    bare = Turn(trace_id="b" * 32, version=0, start_ns=1, end_ns=1, user=None, assistant=None)
    version = t.r.choice((found[1].version, found[1].version, 0))
    await t.both("erase", ref, version, {"safety": gone}, t.r.choice((bare, None)))


FREE = (
    save,
    save,
    save,
    save,
    end,
    claim,
    claim,
    claim,
    inspect,
    clean,
    look,
    adopt,
    configure,
    erase,
    restore,
    take,
    take,
)
OF_CLAIMS = (renew, give_up, think, write, write)
