"""Erasure on fakes, with workers that are in the middle of something."""

from typing import Any

import pytest

from streamer.core.model import Completion, ModelRequest
from streamer.core.session import SessionRef, Wake
from streamer.errors import CallFailed, TransientError
from streamer.loops.forgetting import contents, erase
from tests.builders import fragments_of, otlp_record, span
from tests.fakes.language_model import LanguageModel
from tests.loops.bench import GAP_MS, SOURCE, Bench, spec

SECRET = "My card is 4111 1111"


def said(bench: Bench) -> str:
    """Everything that Redis, MLflow and the feed's readers hold."""
    return repr([bucket.keys for bucket in bench.redis.buckets.values()]) + repr(bench.rows.stored)


async def judged_session(bench: Bench, rows: int = 1) -> str:
    trace = await bench.say("s", SECRET)
    await bench.wait(GAP_MS + 5_000)
    assert len(bench.rows.stored) == rows
    return trace


def key_of(bench: Bench, session: str = "s") -> str:
    return SessionRef(bench.scope, session).key


async def test_what_was_said_is_gone_and_the_next_claim_takes_the_row_back() -> None:
    bench = Bench(model=LanguageModel(content=f"she said {SECRET}"))
    await judged_session(bench)
    assert SECRET in said(bench)
    held = await erase(bench.store, key_of(bench), {})
    assert held is not None
    assert [turn.user for turn in held.turns.values()] == [SECRET]
    assert SECRET not in repr([bucket.keys for bucket in bench.redis.buckets.values()])
    await bench.wait(5_000)
    assert bench.rows.stored == {}
    assert bench.state("s") == "at rest"
    assert (await bench.entry("s")).state == "retracted"
    assert SECRET not in said(bench)
    told = bench.feed.told("retracted")
    assert [record["supersedes"] for record in told] == [1]
    assert told[0]["agent"] == bench.feed.told("verdict")[0]["agent"]


async def test_the_retraction_goes_where_the_verdict_went() -> None:
    bench = Bench()
    await judged_session(bench)
    held = await erase(bench.store, key_of(bench), {})
    assert held is not None
    await bench.wait(5_000)
    series = {
        record.key: {r.series for r in bench.feed.records if r.key == record.key} for record in bench.feed.records
    }
    assert all(len(found) == 1 for found in series.values())
    assert {stone.key: {stone.series} for stone in held.tombstones} == series


async def test_the_same_record_again_brings_nothing_back() -> None:
    bench = Bench()
    trace = await judged_session(bench)
    before = bench.turns
    await erase(bench.store, key_of(bench), {})
    await bench.wait(5_000)
    claims = await bench.wait(GAP_MS)
    bench.turns = before - 1
    await bench.say("s", SECRET, trace=trace)
    assert SECRET not in said(bench)
    assert await bench.wait(GAP_MS + 5_000) == claims == 0
    assert bench.state("s") == "at rest"


async def test_a_session_that_comes_back_starts_anew() -> None:
    bench = Bench()
    await judged_session(bench)
    await erase(bench.store, key_of(bench), {})
    await bench.wait(5_000)
    trace = await bench.say("s", "Hello again")
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry("s")
    assert (entry.state, entry.turns, entry.revision, entry.history) == ("judged", 1, 2, ())
    assert [row.trace_id for row in bench.rows.stored.values()] == [f"tr-{trace}"]
    assert bench.state("s") == "at rest"


async def test_a_worker_that_waits_for_the_model_writes_nothing_afterwards() -> None:
    bench = Bench()

    class Interrupted(LanguageModel):
        async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
            if not self.requests:
                await erase(bench.store, key_of(bench), {})
            return await super().complete(request, deadline_ms)

    bench.model = Interrupted(content=SECRET)
    await bench.say("s", SECRET)
    await bench.wait(GAP_MS + 10_000)
    assert SECRET not in said(bench)
    assert bench.state("s") == "at rest"
    assert bench.feed.told("verdict") == []


async def test_a_row_that_a_stopped_worker_writes_too_late_is_taken_back() -> None:
    bench = Bench()
    late: list[Any] = []
    post = bench.rows.post

    async def slow(row: Any) -> Any:
        """The lease was checked; then the machine stood still while somebody erased the session."""
        if not late:
            late.append(row)
            await erase(bench.store, key_of(bench), {})
            judge, tasks = bench.worker()
            await judge.step()
            while tasks.started:
                await tasks.started.pop(0)
        return await post(row)

    bench.rows.post = slow  # type: ignore[method-assign]
    await bench.say("s", SECRET)
    await bench.wait(GAP_MS + 2 * 3_600_000, 10_000)
    assert late
    assert bench.rows.stored == {}
    assert bench.state("s") == "at rest"


async def test_a_trace_of_another_session_is_left_alone() -> None:
    bench = Bench()
    trace = await bench.say("other", "Keep this")
    await bench.store.wake([Wake(SessionRef(bench.scope, "s"), trace, 10**16, bench.now)])
    await erase(bench.store, key_of(bench), {})
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("other")).state == "judged"


async def test_what_comes_while_it_is_erased_is_erased_too() -> None:
    bench = Bench()
    await bench.say("s", SECRET)
    facts = bench.store.facts
    came: list[str] = []

    async def then_grows(*arguments: Any) -> Any:
        found = await facts(*arguments)
        if not came:
            came.append(await bench.say("s", f"{SECRET} again"))
        return found

    bench.store.facts = then_grows  # type: ignore[method-assign, assignment]
    held = await erase(bench.store, key_of(bench), {})
    assert held is not None
    assert set(held.traces) == {came[0]}
    assert SECRET not in said(bench)


async def test_late_spans_of_an_erased_trace_are_not_taken() -> None:
    bench = Bench()
    trace = await judged_session(bench)
    await erase(bench.store, key_of(bench), {})
    late = span(trace, "f" * 16, "1" * 16, session__id="s", input__value=SECRET)
    saved = await bench.store.save_fragments(SOURCE, fragments_of(otlp_record(late)))
    assert [(kept.candidates, kept.version) for kept in saved.values()] == [((), 0)]
    assert SECRET not in repr([bucket.keys for bucket in bench.redis.buckets.values()])


async def test_a_wake_that_was_under_way_does_not_make_the_session_fail() -> None:
    bench = Bench()
    trace = await judged_session(bench)
    await erase(bench.store, key_of(bench), {})
    await bench.wait(5_000)
    await bench.store.wake([Wake(SessionRef(bench.scope, "s"), trace, 10**16, bench.now)])
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("s")).state == "retracted"
    assert bench.state("s") == "at rest"


async def test_users_are_those_of_turns_that_no_claim_has_read_too() -> None:
    bench = Bench()
    one = span("a" * 32, "1" * 16, session__id="s", user__id="ada", input__value="hi", output__value="ho")
    saved = await bench.store.save_fragments(SOURCE, fragments_of(otlp_record(one)))
    version = next(iter(saved.values())).version
    await bench.store.wake([Wake(SessionRef(bench.scope, "s"), "a" * 32, version, bench.now)])
    held = await contents(bench.store, key_of(bench), {})
    assert held is not None
    assert held.users == {"ada"}
    assert await contents(bench.store, "0" * 32, {}) is None


async def test_rows_of_before_go_also_where_the_user_is_back_first_and_a_judge_was_taken_away() -> None:
    bench = Bench(specs=(spec("a"), spec("b")))
    await judged_session(bench, 2)
    bench.specs, bench.generation = (spec("a"),), 2
    await bench.store.set_generation(2, b"")
    delete = bench.rows.delete

    async def down(row: Any) -> None:
        raise TransientError("MLflow is down", maybe_done=False)

    bench.rows.delete = down  # type: ignore[method-assign]
    await erase(bench.store, key_of(bench), {})
    await bench.wait(5_000)
    assert len(bench.rows.stored) == 2
    trace = await bench.say("s", "Hello again")
    await bench.wait(GAP_MS + 5_000)
    bench.rows.delete = delete  # type: ignore[method-assign]
    await bench.wait(GAP_MS + 60_000)
    assert [(row.name, row.trace_id) for row in bench.rows.stored.values()] == [("a", f"tr-{trace}")]
    assert bench.state("s") == "at rest"


async def test_what_was_judged_since_stays_when_the_rows_of_before_go_late_and_the_judge_fails() -> None:
    """Found by seed 21238 of the simulation: law S6."""
    bench = Bench()
    await judged_session(bench)
    delete = bench.rows.delete

    async def down(row: Any) -> None:
        raise TransientError("MLflow is down", maybe_done=False)

    bench.rows.delete = down  # type: ignore[method-assign]
    await erase(bench.store, key_of(bench), {})
    trace = await bench.say("s", "Hello again")
    await bench.wait(GAP_MS + 5_000)
    assert len(bench.rows.stored) == 2
    bench.rows.delete = delete  # type: ignore[method-assign]
    bench.model.failures = [CallFailed("bad_request", "400")]
    early_ns = (bench.now - 3 * GAP_MS) * 10**6  # it comes late, and is the first trace now
    await bench.say("s", "And now?", start_ns=early_ns, end_ns=early_ns + 5)
    await bench.wait(GAP_MS + 60_000)
    assert (await bench.entry("s")).state == "failed"
    assert [(row.trace_id, row.value) for row in bench.rows.stored.values()] == [(f"tr-{trace}", "good")]
    assert bench.state("s") == "at rest"


async def test_a_wake_that_was_under_way_does_not_keep_the_row_of_before() -> None:
    """Found by seed 65988 of the simulation: it makes a member of the erased trace again, and the judge fails."""
    bench = Bench()
    erased = await judged_session(bench)
    delete = bench.rows.delete

    async def down(row: Any) -> None:
        raise TransientError("MLflow is down", maybe_done=False)

    bench.rows.delete = down  # type: ignore[method-assign]
    await erase(bench.store, key_of(bench), {})
    await bench.store.wake([Wake(SessionRef(bench.scope, "s"), erased, 10**16, bench.now)])
    bench.model.failures = [CallFailed("bad_request", "400")]
    await bench.say("s", "Hello again")
    await bench.wait(GAP_MS + 5_000)
    bench.rows.delete = delete  # type: ignore[method-assign]
    await bench.wait(GAP_MS + 60_000)
    assert (await bench.entry("s")).state == "failed"
    assert bench.rows.stored == {}
    assert bench.state("s") == "at rest"


@pytest.mark.parametrize("others", [0, 1])
async def test_a_turn_that_moved_to_another_session_keeps_no_words_where_it_was(others: int) -> None:
    """Whoever erases the session that it belongs to would not find them."""
    bench = Bench()
    for _ in range(others):
        await bench.say("first", "I stay.")
    trace = await bench.say("first", "My secret", parent="9" * 16)
    await bench.wait(2 * GAP_MS)
    assert "My secret" in str(await bench.store.session(SessionRef(bench.scope, "first").key))
    await bench.say("second", "My secret", trace=trace)
    await bench.wait(2 * GAP_MS)
    found = await bench.store.session(SessionRef(bench.scope, "first").key)
    assert found is not None
    assert "My secret" not in str(found[1].turns)
    assert found[1].turns[trace].version == 0
    assert ("I stay." in str(found[1].turns)) == bool(others)
    assert bench.state("first") == "at rest"
