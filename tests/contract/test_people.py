"""What people are told of sessions, by real Redis: lists, loads, one session, decisions as they come, tables."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from streamer.adapters import parquet
from streamer.adapters.redis_sessions import RedisConnection, open_redis
from streamer.adapters.redis_sessions.ledgers import ledgers
from streamer.adapters.redis_sessions.load import LoadReader
from streamer.adapters.redis_sessions.reader import RedisReader
from streamer.adapters.redis_sessions.tap import RedisTap
from streamer.core import turn_codec
from streamer.core.assessment import RowRef
from streamer.core.claim_log import CLAIMS_KEPT
from streamer.core.ids import BUCKETS, Scope
from streamer.core.ledger import Entry
from streamer.core.ledger_line import COLUMNS, line_of
from streamer.core.lifecycle import Limits
from streamer.core.model import Completion
from streamer.core.session import Claim, Outcome, SessionRef, Wake
from streamer.core.status import STUCK_MS, Now, Wanted
from streamer.core.verdict import JudgeFailure, Usage, Verdict
from tests.services.redis import RedisServer

LIMITS = Limits(gap_ms_min=1_000)
SCOPE = Scope("spans", "acme")
START_MS = 1_700_000_000_000
prefixes = count()


class Deployment:
    """Redis at a time that the test gives."""

    def __init__(self, redis: RedisConnection, tick: Callable[[int], int]) -> None:
        self.redis, self.tick = redis, tick
        self.store, self.reader = redis.handle(), RedisReader(redis.shared)

    def now(self) -> Now:
        return Now(self.tick(0), {"spans": self.tick(0)})

    async def say(self, name: str, tenant: str = "acme") -> SessionRef:
        ref = SessionRef(Scope("spans", tenant), name)
        at = self.tick(10)
        await self.store.wake([Wake(ref, f"{at:032x}", at, at)])
        return ref

    async def claim(self, limit: int = 100) -> list[Claim]:
        return list((await self.store.claim(limit, self.now().watermarks_ms, 1)).claims)

    async def complete(self, claim: Claim, entry: Entry) -> None:
        outcome = Outcome(version=claim.state.version, entries={"a": entry}, reason="quiet")
        waits = replace(outcome, next_in_ms=5_000) if entry.owes else outcome
        assert await self.store.end_write(claim, waits)


@pytest.fixture
async def deployed(redis_server: RedisServer) -> AsyncIterator[Deployment]:
    now = START_MS

    def tick(ms: int) -> int:
        nonlocal now
        now += ms
        return now

    prefix = f"people{next(prefixes)}"
    redis = await open_redis(redis_server.url, LIMITS, turn_codec, prefix=prefix, now_ms=lambda: now)
    yield Deployment(redis, tick)
    await redis.purge()
    await redis.close()


def judged(value: str = "yes", **changes: object) -> Entry:
    verdict = Verdict(value=value, rationale="she said so", usage=Usage(requests=1, input_tokens=7, cost_usd=0.5))
    done = Entry(state="judged", generation=1, judge_version="1", verdict=verdict, revision=1, mlflow=True, feed=True)
    return replace(done, scored_at_ms=START_MS, **changes)  # type: ignore[arg-type]


FAILED = replace(judged(), state="failed", verdict=None, failure=JudgeFailure(kind="refused", detail="no"))
OWED = replace(FAILED, state="retrying", failure=JudgeFailure(kind="rate_limited", detail="429"))


async def test_sessions_are_listed_by_what_somebody_asks_for(deployed: Deployment) -> None:
    names = [f"s{n:03}" for n in range(500)]
    for name in names:
        await deployed.say(name, "acme" if name < "s250" else "beta")
    listed = await deployed.reader.sessions(1_000, deployed.now())
    assert [line.session_id for line in listed] == list(reversed(names))
    assert [line.session_id for line in await deployed.reader.sessions(3, deployed.now())] == ["s499", "s498", "s497"]
    acme = await deployed.reader.sessions(2, deployed.now(), Wanted(tenant="acme"))
    assert [line.session_id for line in acme] == ["s249", "s248"]
    assert await deployed.reader.sessions(9, deployed.now(), Wanted(source="logs")) == []
    at = acme[0].changed_ms
    older = await deployed.reader.sessions(1, deployed.now(), Wanted(changed_before_ms=at))
    assert older[0].session_id == "s248"
    newer = await deployed.reader.sessions(1_000, deployed.now(), Wanted(changed_from_ms=at))
    assert len(newer) == 251


async def test_how_each_stands_is_said_in_words(deployed: Deployment) -> None:
    for name in ("good", "refused", "owed", "open"):
        await deployed.say(name)
    deployed.tick(995)
    claims = {claim.session.session_id: claim for claim in await deployed.claim()}
    assert set(claims) == {"good", "refused", "owed"}
    leased = await deployed.reader.sessions(9, deployed.now(), Wanted(state="leased"))
    assert {line.says for line in leased} == {"a worker has it"}
    await deployed.complete(claims["good"], judged())
    await deployed.complete(claims["refused"], FAILED)
    await deployed.complete(claims["owed"], OWED)
    says = {line.session_id: line.says for line in await deployed.reader.sessions(9, deployed.now())}
    assert says == {
        "good": "judged at revision 1, 1 s ago",
        "refused": "failed: refused",
        "owed": "retrying in 0:05: rate_limited",
        "open": "closes in 0:01",
    }
    for wanted, names in {
        Wanted(state="waiting"): ["owed"],
        Wanted(state="open"): ["open"],
        Wanted(verdict=("a", "YES")): ["good"],
        Wanted(verdict=("a", "failed")): ["refused"],
        Wanted(verdict=("b", "yes")): [],
    }.items():
        assert [line.session_id for line in await deployed.reader.sessions(9, deployed.now(), wanted)] == names


async def test_a_worker_that_has_not_come_back_does_not_have_it_any_more(deployed: Deployment) -> None:
    await deployed.say("s")
    deployed.tick(1_000)
    assert len(await deployed.claim()) == 1
    deployed.tick(LIMITS.lease_ms)
    (line,) = await deployed.reader.sessions(9, deployed.now())
    assert (line.state, line.says) == ("waiting", "looked at now")
    load = await LoadReader(deployed.redis.shared).load(deployed.now())
    assert (load.due, load.in_flight) == (1, 0)


async def test_what_is_due_under_way_and_failing_is_counted(deployed: Deployment) -> None:
    for name in ("one", "two", "three"):
        await deployed.say(name)
    deployed.tick(2_000)
    load = await LoadReader(deployed.redis.shared).load(deployed.now())
    assert (load.due, load.due_for_ms_max, load.in_flight) == (3, 1_020, 0)
    first, second = await deployed.claim(2)
    await deployed.store.begin_write(first, [RowRef("a-1", "tr-1", "a")])
    await deployed.complete(second, FAILED)
    load = await LoadReader(deployed.redis.shared).load(deployed.now())
    assert (load.due, load.in_flight, load.open_intents, load.failures) == (1, 1, 1, {"refused": 1})
    assert load.stuck == {}


async def test_what_has_been_owed_for_more_than_an_hour_is_counted_by_what_it_is(deployed: Deployment) -> None:
    for name in ("money", "row", "young"):
        await deployed.say(name)
    deployed.tick(2_000)
    deferred = replace(OWED, state="deferred", next_at_ms=deployed.tick(0) + 9_000_000)
    entries = {"money": deferred, "row": replace(judged(), mlflow=False), "young": deferred}
    for claim in await deployed.claim():
        await deployed.complete(claim, entries[claim.session.session_id])
    deployed.tick(LIMITS.gap_ms_min + STUCK_MS)
    young = await deployed.say("young")
    load = await LoadReader(deployed.redis.shared).load(deployed.now(), failures=False)
    assert (load.stuck, load.failures, young.session_id) == ({"deferred": 1, "row": 1}, {}, "young")


async def test_the_log_tells_of_each_claim(deployed: Deployment) -> None:
    ref = await deployed.say("s")
    deployed.tick(1_000)
    (first,) = await deployed.claim()
    answer = Completion(content="yes", input_tokens=3, output_tokens=4, cost_usd=0.000002)
    await deployed.store.save_answer(first, "k", answer)
    await deployed.store.save_answer(first, "k", answer)
    deployed.tick(LIMITS.lease_ms)
    (second,) = await deployed.claim()
    assert await deployed.store.find_answer(second, "k") == answer
    await deployed.store.begin_write(second, [RowRef("a-1", "tr-1", "a")])
    await deployed.complete(second, judged())
    assert not await deployed.store.end_write(first, Outcome(version=1, entries={}, reason="quiet"))
    kept = await deployed.reader.kept(ref.key, deployed.now())
    assert kept is not None
    one, other = kept.log
    assert (one.ending, one.calls, one.tokens, one.usd_micros, one.reused) == ("refused", 1, 7, 2, 0)
    assert (other.ending, other.calls, other.reused, other.interrupted) == ("completed", 0, 1, True)
    assert [tuple(decision) for decision in other.decisions] == [("a", "judged", 1, "", "MF")]
    assert other.writing_ms is not None
    assert (kept.rows, kept.intents, kept.answers) == ((RowRef("a-1", "tr-1", "a"),), 0, 1)


async def test_claims_that_end_alike_are_counted_not_kept(deployed: Deployment) -> None:
    ref = await deployed.say("s")
    deployed.tick(1_000)
    for _ in range(50):
        (claim,) = await deployed.claim()
        await deployed.complete(claim, judged(mlflow=False))
        deployed.tick(5_000)
    kept = await deployed.reader.kept(ref.key, deployed.now())
    assert kept is not None
    assert [note.times for note in kept.log] == [50]
    assert kept.log[0].since_ms == START_MS + 1_010


async def test_the_log_does_not_grow_without_end(deployed: Deployment) -> None:
    ref = await deployed.say("s")
    for n in range(CLAIMS_KEPT + 5):
        deployed.tick(1_000)
        (claim,) = await deployed.claim()
        await deployed.complete(claim, judged(revision=n))
        await deployed.say("s")
    kept = await deployed.reader.kept(ref.key, deployed.now())
    assert kept is not None
    assert [note.decisions[0].revision for note in kept.log] == list(range(5, CLAIMS_KEPT + 5))


async def test_decisions_are_told_while_somebody_listens(deployed: Deployment) -> None:
    await deployed.say("before")
    heard: list[tuple[str, str]] = []
    told = asyncio.Event()

    async def listen() -> None:
        async for line in RedisTap(deployed.redis.shared).decisions():
            heard.append((line["session"], line["what"]))
            if line["what"] == "completed":
                assert json.loads(line["judges"])[0][:2] == ["a", "judged"]
                told.set()

    task = asyncio.create_task(listen())
    shared = deployed.redis.shared
    while not (await shared.primary.ask([("EXISTS", f"{shared.tag(BUCKETS - 1)}tap:on")]))[0]:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    await deployed.say("s")
    deployed.tick(1_000)
    for claim in await deployed.claim():
        if claim.session.session_id == "s":
            await deployed.complete(claim, judged())
    await asyncio.wait_for(told.wait(), 10)
    task.cancel()
    assert [what for session, what in heard if session == "s"] == ["grew", "claimed", "completed"]
    assert ("before", "grew") not in heard


async def test_nothing_is_written_where_nobody_listens(deployed: Deployment) -> None:
    await deployed.say("s")
    deployed.tick(1_000)
    await deployed.claim()
    shared = deployed.redis.shared
    assert not any(await shared.primary.ask([("EXISTS", f"{shared.tag(b)}tap") for b in range(BUCKETS)]))


async def test_the_ledger_is_a_table_of_one_line_a_judge(deployed: Deployment, tmp_path: Path) -> None:
    await deployed.say("good")
    await deployed.say("refused")
    deployed.tick(1_000)
    for claim in await deployed.claim():
        await deployed.complete(claim, judged() if claim.session.session_id == "good" else FAILED)
    cut = deployed.tick(1_000)
    await deployed.say("open")
    lines = [
        line_of(found.session, found.changed_ms, found.closed_by, judge, entry, with_text=False)
        async for found in ledgers(deployed.redis.shared)
        for judge, entry in found.entries.items()
    ]
    assert {line["session_id"]: (line["value"], line["failure"]) for line in lines} == {
        "good": ("yes", None),
        "refused": (None, "refused"),
    }
    assert all(list(line) == list(COLUMNS) and line["rationale"] is None for line in lines)
    assert [found.session.session_id async for found in ledgers(deployed.redis.shared, cut)] == ["open"]
    arrow = pytest.importorskip("pyarrow.parquet")
    with parquet.writing(tmp_path / "v.parquet", COLUMNS) as out:
        for line in lines:
            out.add(line)
    assert arrow.read_table(tmp_path / "v.parquet").to_pylist() == lines
    assert [file.name for file in tmp_path.iterdir()] == ["v.parquet"]
