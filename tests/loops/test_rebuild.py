"""Redis is lost after sessions were judged: what is made again of it, and what the workers do then."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streamer.core.assessment import StoredRow
from streamer.core.ids import assessment_id
from streamer.core.rebuild import Fate
from streamer.core.session import SessionRef
from streamer.core.wire.records import Cut, Fragment
from streamer.loops.rebuild import Rebuild
from streamer.loops.saving import Batch, Saving
from streamer.ports import Saved
from tests.fakes.measures import SilentMetrics
from tests.fakes.rebuild_store import FakeRebuildStore
from tests.fakes.session_store import FakeRedis
from tests.loops.bench import DEFAULT, GAP_MS, LIMITS, SOURCE, Bench, spec

QUIET_MS = GAP_MS + 5_000


class Kafka(FakeRebuildStore):
    """The store, and a note of every fragment that was ever saved, as Kafka keeps it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.redis)
        self.bench = bench
        self.kept: list[tuple[int, Fragment]] = []

    async def save_fragments(self, source: str, fragments: Sequence[Fragment]) -> Mapping[tuple[str, str], Saved]:
        self.kept += [(self.bench.now, fragment) for fragment in fragments]
        return await super().save_fragments(source, fragments)


class LosesRedis(Bench):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.kafka = self.store = Kafka(self)

    async def say(self, session: str, user: str = "Hello?", **changes: Any) -> str:
        trace = await super().say(session, user, **changes)
        self.rows.sessions.setdefault(session, set()).add(f"tr-{trace}")
        self.rows.started_ms[f"tr-{trace}"] = self.now
        return trace

    async def lose_and_rebuild(self, since_ms: int = 0) -> dict[str, Fate | None]:
        """Kafka holds what came since then. By session, in order of their names: what became of it."""
        self.redis = FakeRedis(self.now_ms, self.limits)
        kept, self.store = self.kafka.kept, FakeRebuildStore(self.redis)
        saving = Saving(SOURCE, self.store, SilentMetrics())
        for at_ms, fragment in kept:
            if at_ms >= since_ms:
                batch = Batch(SOURCE)
                batch.add(Cut([fragment], [], 1), at_ms)
                await saving.save(batch)
        await self.store.set_rebuilt(self.now - GAP_MS)
        return await self.restore(since_ms or -1)

    async def restore(self, horizon_ms: int) -> dict[str, Fate | None]:
        assert isinstance(self.store, FakeRebuildStore)
        work = Rebuild("bench", self.store, self.rows, self.specs, self.rules, {SOURCE: horizon_ms}, {})
        rows = [row for bucket in self.redis.buckets.values() for row in bucket.sessions()]
        names = {row.ref.session_id: row.ref for row in rows}
        return {name: await work.session(ref.key) for name, ref in sorted(names.items())}

    def calls(self) -> int:
        return len(self.model.requests)

    def standing(self, session: str) -> list[tuple[Any, str]]:
        return [
            (row.value, row.metadata["streamer.revision"])
            for row in self.rows.stored.values()
            if row.metadata["mlflow.trace.session"] == session
        ]


async def test_what_was_judged_and_has_not_changed_comes_to_rest_and_costs_and_tells_nothing() -> None:
    bench = LosesRedis(specs=(spec("a"), spec("b")))
    for session in ("s", "t"):
        await bench.say(session)
        await bench.say(session, "And now?")
    await bench.wait(QUIET_MS)
    before = bench.rows.stored.copy(), len(bench.feed.records), bench.calls()
    assert await bench.lose_and_rebuild() == {"s": "unchanged", "t": "unchanged"}
    assert bench.state("s") == "at rest"
    assert await bench.wait(QUIET_MS) == 0
    assert (bench.rows.stored, len(bench.feed.records), bench.calls()) == before
    entry = await bench.entry("s", "b")
    assert (entry.state, entry.revision, entry.turns) == ("judged", 1, 2)
    assert entry.verdict is not None
    assert entry.verdict.value == "good"


async def test_a_session_that_returns_goes_on_with_its_revision_and_history_on_the_same_row() -> None:
    bench = LosesRedis()
    await bench.say("s")
    await bench.wait(QUIET_MS)
    await bench.say("s", "Again.")
    await bench.wait(QUIET_MS)
    ids = set(bench.rows.stored)
    await bench.lose_and_rebuild()
    await bench.wait(1_000)
    await bench.say("s", "And again.")
    await bench.wait(QUIET_MS)
    assert (set(bench.rows.stored), bench.standing("s")) == (ids, [("good", "3")])
    assert [past.revision for past in (await bench.entry("s")).history] == [1, 2]
    assert [record["origin"] for record in bench.feed.told("verdict")] == ["live"] * 3


async def test_a_session_falls_under_the_same_rule_as_before_also_by_an_attribute() -> None:
    load_test = replace(DEFAULT, name="load test", attributes=(("app.kind", "load"),), judges=())
    bench = LosesRedis(rules=(load_test, DEFAULT))
    await bench.say("s", app__kind="load")
    await bench.wait(QUIET_MS)
    await bench.lose_and_rebuild()
    await bench.wait(QUIET_MS)
    assert (bench.calls(), (await bench.entry("s")).state) == (0, "filtered")


async def test_a_long_session_is_not_taken_for_one_that_has_just_become_full() -> None:
    bench = LosesRedis(limits=replace(LIMITS, max_turns=3), rules=(replace(DEFAULT, max_turns=3),))
    for _ in range(4):
        await bench.say("s")
    await bench.wait(QUIET_MS)
    assert await bench.lose_and_rebuild() == {"s": "unchanged"}
    told = len(bench.feed.records)
    await bench.say("s", "One more.")
    await bench.wait(GAP_MS // 2)
    assert len(bench.feed.records) == told
    for _ in range(2):
        await bench.say("s", "And more.")
    await bench.wait(5_000)
    assert [record["close_reason"] for record in bench.feed.told("verdict")][-1] == "max_turns"


async def test_what_was_open_when_redis_was_lost_is_judged_in_its_time_and_is_news() -> None:
    bench = LosesRedis()
    await bench.say("s")
    await bench.wait(GAP_MS // 2)
    assert await bench.lose_and_rebuild() == {"s": "new"}
    assert await bench.wait(GAP_MS // 4) == 0
    await bench.wait(GAP_MS)
    assert bench.standing("s") == [("good", "1")]
    assert [record["origin"] for record in bench.feed.told("verdict")] == ["live"]


async def test_what_had_fallen_quiet_before_and_was_never_judged_is_judged_and_is_no_news() -> None:
    bench = LosesRedis()
    await bench.say("s")
    bench.now += 10 * GAP_MS
    assert await bench.lose_and_rebuild() == {"s": "new"}
    await bench.wait(QUIET_MS)
    assert bench.standing("s") == [("good", "1")]
    assert {record.value["origin"] for record in bench.feed.records} == {"backfill"}
    await bench.say("s", "Back.")
    await bench.wait(QUIET_MS)
    assert [record["origin"] for record in bench.feed.told("verdict")] == ["backfill", "live"]


async def test_a_session_whose_first_turns_kafka_has_deleted_keeps_its_verdict_and_says_why() -> None:
    bench = LosesRedis()
    first = await bench.say("s")
    await bench.say("s", "More.")
    await bench.wait(QUIET_MS)
    calls, since = bench.calls(), bench.now
    await bench.say("s", "Later.")
    await bench.wait(1_000)
    before = bench.rows.stored.copy()
    assert await bench.lose_and_rebuild(since) == {"s": "cut_short"}
    await bench.wait(QUIET_MS)
    assert (bench.rows.stored, bench.calls()) == (before, calls)
    entry = await bench.entry("s")
    assert entry.failure is not None
    assert (entry.state, entry.failure.kind) == ("failed", "facts_expired")
    assert [(past.revision, past.turns) for past in entry.history] == [(1, 2)]
    assert bench.state("s") == "at rest"
    found = await bench.store.session(SessionRef(bench.scope, "s").key)
    assert found is not None
    assert first in found[1].members


async def test_fewer_turns_than_the_row_speaks_of_never_replace_its_verdict() -> None:
    """The first trace is there; one in between was on a partition that Kafka deleted earlier."""
    bench = LosesRedis()
    await bench.say("s")
    await bench.say("s", "In between.")
    await bench.say("s", "Last.")
    await bench.wait(QUIET_MS)
    before, calls = bench.rows.stored.copy(), bench.calls()
    del bench.kafka.kept[1]
    assert await bench.lose_and_rebuild() == {"s": "cut_short"}
    await bench.wait(QUIET_MS)
    assert (bench.rows.stored, bench.calls()) == (before, calls)
    assert (await bench.entry("s")).state == "failed"


async def test_a_beginning_that_only_mlflow_still_has_is_missed_also_where_nothing_was_judged() -> None:
    bench = LosesRedis()
    await bench.say("s")
    bench.now += 1_000
    since = bench.now
    await bench.say("s", "Later.")
    assert await bench.lose_and_rebuild(since) == {"s": "cut_short"}
    await bench.wait(QUIET_MS)
    assert (bench.calls(), bench.standing("s")) == (0, [])


async def test_a_trace_that_mlflow_has_and_kafka_never_carried_is_no_loss() -> None:
    bench = LosesRedis()
    await bench.say("s")
    await bench.wait(QUIET_MS)
    bench.rows.traces.add("tr-" + "f" * 32)
    bench.rows.sessions["s"].add("tr-" + "f" * 32)
    assert await bench.lose_and_rebuild() == {"s": "unchanged"}


async def test_a_row_left_on_another_trace_is_cleared_without_a_call() -> None:
    """Redis was lost between the write of the new row and the delete of the old one."""
    bench = LosesRedis()
    await bench.say("s")
    later = await bench.say("s", "More.")
    await bench.wait(QUIET_MS)
    calls = bench.calls()
    (row,) = bench.rows.stored.values()
    ghost = assessment_on(later, row)
    bench.rows.stored[ghost.assessment_id] = ghost
    assert await bench.lose_and_rebuild() == {"s": "changed"}
    await bench.wait(QUIET_MS)
    assert (next(iter(bench.rows.stored.values())).trace_id, len(bench.rows.stored)) == (row.trace_id, 1)
    assert bench.calls() == calls


async def test_rows_of_people_and_of_other_deployments_are_neither_read_nor_touched() -> None:
    bench = LosesRedis()
    trace = await bench.say("s")
    bench.rows.say(f"tr-{trace}", "a", "no")
    assert await bench.lose_and_rebuild() == {"s": "new"}
    await bench.wait(QUIET_MS)
    assert sorted(row.source_type for row in bench.rows.stored.values()) == ["HUMAN", "LLM_JUDGE"]


async def test_a_new_judge_is_asked_and_the_old_one_is_not() -> None:
    bench = LosesRedis()
    await bench.say("s")
    await bench.wait(QUIET_MS)
    bench.specs = (spec("a"), spec("new"))
    assert await bench.lose_and_rebuild() == {"s": "changed"}
    await bench.wait(QUIET_MS)
    assert bench.calls() == 2
    assert sorted(row.name for row in bench.rows.stored.values()) == ["a", "new"]


async def test_a_rebuild_that_was_stopped_may_be_run_again() -> None:
    bench = LosesRedis()
    for session in ("s", "t"):
        await bench.say(session)
    await bench.wait(QUIET_MS)
    await bench.say("t", "More.")
    first = await bench.lose_and_rebuild()
    held = bench.redis.buckets.copy()
    assert await bench.restore(-1) == first == {"s": "unchanged", "t": "changed"}
    assert bench.redis.buckets == held
    await bench.wait(QUIET_MS)
    assert bench.standing("t") == [("good", "2")]


def assessment_on(trace: str, row: StoredRow) -> StoredRow:
    name = assessment_id("bench", trace, row.metadata["mlflow.trace.session"], row.name)
    return row._replace(assessment_id=name, trace_id=f"tr-{trace}")
