"""What becomes of a session when something around it fails. Each test was a defect once."""

from dataclasses import replace
from typing import Any

import pytest

from streamer.core.assessment import Row, RowRef
from streamer.core.model import Completion, ModelRequest
from streamer.errors import CallFailed, PermanentError, TransientError
from streamer.loops.decoding import READ_AT_ONCE
from tests.fakes.language_model import LanguageModel
from tests.fakes.mlflow_rows import MlflowRows
from tests.loops.bench import GAP_MS, LIMITS, Answering, Bench, spec

HOUR_MS = 3_600_000


class Refusing(MlflowRows):
    """As with a wrong token, for rows of some judges."""

    def __init__(self, *judges: str) -> None:
        super().__init__()
        self.refused = set(judges)

    async def patch(self, row: Row) -> bool:
        self._look_at(row.ref)
        return await super().patch(row)

    async def post(self, row: Row) -> Any:
        self._look_at(row.ref)
        return await super().post(row)

    def _look_at(self, ref: RowRef) -> None:
        if ref.judge in self.refused:
            raise PermanentError("MLflow: 401")


def judges_of(bench: Bench) -> list[str]:
    return sorted(row.name for row in bench.rows.stored.values())


async def test_a_judge_that_is_taken_away_leaves_nothing_owed() -> None:
    bench = Bench(specs=(spec("a"), spec("dear")), usd_max=0.0015)
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert {name: (await bench.entry("s", name)).state for name in ("a", "dear")} == {"a": "judged", "dear": "deferred"}
    bench.specs, bench.generation = (spec("a"),), 2
    await bench.store.set_generation(2, b"")
    claims = await bench.wait(HOUR_MS, 10_000)
    assert claims <= 2
    assert (await bench.entry("s", "dear")).state == "removed"
    assert bench.state("s") == "at rest"


async def test_a_refused_row_holds_back_neither_the_other_judge_nor_the_feed_and_is_written_once_it_may_be() -> None:
    bench = Bench(specs=(spec("a"), spec("b")), rows=Refusing("a"))
    await bench.say("s")
    await bench.wait(GAP_MS + HOUR_MS, 5_000)
    assert judges_of(bench) == ["b"]
    assert len(bench.feed.told("verdict")) == 2
    assert isinstance(bench.rows, Refusing)
    bench.rows.refused.clear()
    await bench.wait(120_000)
    assert judges_of(bench) == ["a", "b"]
    assert bench.state("s") == "at rest"
    assert len(bench.model.requests) == 2


async def test_a_failure_that_the_feed_did_not_take_is_told_later() -> None:
    bench = Bench()
    bench.model.failures = [CallFailed("bad_request", "400")]
    bench.feed.refusals = 1
    await bench.say("s")
    await bench.wait(GAP_MS + 30_000)
    assert [record["failure"]["kind"] for record in bench.feed.told("failure")] == ["bad_request"]
    assert len(bench.feed.told("closing")) == 1
    assert bench.state("s") == "at rest"


async def test_expired_facts_are_told_and_what_was_judged_before_is_kept() -> None:
    bench = Bench()
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    before = await bench.entry("s")
    assert (before.state, before.revision) == ("judged", 1)
    lost = await bench.say("s", "And now?")
    for bucket in bench.redis.buckets.values():
        for key in [key for key in bucket.keys if key[0] == "t" and lost in str(key)]:
            del bucket.keys[key]
    await bench.wait(GAP_MS + 5_000)
    after = await bench.entry("s")
    assert (after.state, after.revision, after.feed) == ("failed", 1, True)
    assert after.failure is not None
    assert after.failure.kind == "facts_expired"
    assert [past.value for past in after.history] == ["good"]
    assert [record["failure"]["kind"] for record in bench.feed.told("failure")] == ["facts_expired"]
    assert bench.state("s") == "at rest"
    assert [row.value for row in bench.rows.stored.values()] == ["good"]


@pytest.mark.parametrize("kind", ["unavailable", "rate_limited", "authentication"])
async def test_a_provider_that_is_out_for_hours_costs_no_session_its_verdict(kind: Any) -> None:
    bench = Bench()
    bench.model = Answering(bench.now_ms, CallFailed(kind, "out"), 3 * HOUR_MS)
    await bench.say("s")
    await bench.wait(GAP_MS + 4 * HOUR_MS, 30_000)
    assert (await bench.entry("s")).state == "judged"
    assert len(bench.model.requests) < 60


async def test_a_judgement_that_fails_by_itself_after_an_outage_has_all_its_attempts() -> None:
    bench = Bench(limits=replace(LIMITS, retries_max=3))
    bench.model.failures = [*[CallFailed("unavailable", "503")] * 5, *[CallFailed("timeout", "60 s")] * 2]
    await bench.say("s")
    await bench.wait(GAP_MS + HOUR_MS, 10_000)
    assert (await bench.entry("s")).state == "judged"


async def test_a_row_that_stands_is_not_written_again_while_another_judge_waits() -> None:
    bench = Bench(specs=(spec("a"), spec("dear")), usd_max=0.0015)
    await bench.say("s")
    await bench.wait(GAP_MS + 6 * HOUR_MS, 10_000)
    assert {name: (await bench.entry("s", name)).state for name in ("a", "dear")} == {"a": "judged", "dear": "deferred"}
    assert bench.rows.written == 1
    closings = bench.feed.told("closing")
    assert [decision["state"] for decision in closings[0]["judges"]] == ["judged", "deferred"]


async def test_an_id_that_everybody_shares_is_not_judged_and_says_why() -> None:
    bench = Bench(limits=replace(LIMITS, traces_max=3))
    for _ in range(3):
        await bench.say("0")
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("0")).state == "judged"
    for _ in range(4):
        await bench.say("0")
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry("0")
    assert entry.failure is not None
    assert (entry.state, entry.failure.kind) == ("failed", "shared_session_id")
    assert [past.value for past in entry.history] == ["good"]
    assert bench.feed.told("closing")[-1]["close_reason"] == "max_traces"
    assert len(bench.rows.stored) == 1  # the verdict that was given stands
    claims = len(bench.feed.told("closing"))
    await bench.say("0")
    await bench.wait(GAP_MS + 5_000)
    assert len(bench.feed.told("closing")) == claims
    assert bench.state("0") == "at rest"


async def test_a_session_id_that_mlflow_cannot_hold_is_judged_and_not_written() -> None:
    bench = Bench()
    long = "s" * 251
    await bench.say(long)
    await bench.say("s" * 250)
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry(long)
    assert (entry.state, entry.mlflow, entry.feed, entry.unwritten) == ("judged", True, True, "session_id_too_long")
    assert [len(row.metadata["mlflow.trace.session"]) for row in bench.rows.stored.values()] == [250]
    assert bench.state(long) == "at rest"


async def test_a_session_whose_judges_all_wait_is_closed_on_the_feed_too() -> None:
    bench = Bench(usd_max=0.0)
    await bench.say("s")
    await bench.wait(GAP_MS + HOUR_MS, 10_000)
    closings = bench.feed.told("closing")
    assert [[decision["state"] for decision in closing["judges"]] for closing in closings] == [["deferred"]]


async def test_to_be_told_to_wait_is_no_attempt() -> None:
    bench = Bench(limits=replace(LIMITS, retries_max=2))
    bench.model = Answering(bench.now_ms, CallFailed("rate_limited", "429", 20_000), 60_000)
    for n in range(30):
        await bench.say(f"s{n}")
    await bench.wait(GAP_MS + 600_000, 5_000)
    assert {(await bench.entry(f"s{n}")).state for n in range(30)} == {"judged"}
    assert len(bench.model.requests) < 40


async def test_what_waits_for_money_is_judged_when_there_is_some_and_bought_once() -> None:
    bench = Bench(usd_max=0.0)
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("s")).state == "deferred"
    bench.spending.usd_max = 5.0
    await bench.wait(700_000, 5_000)
    assert (await bench.entry("s")).state == "judged"
    assert len(bench.model.requests) == 1


async def test_a_call_that_timed_out_is_counted_as_spent() -> None:
    bench = Bench(limits=replace(LIMITS, retries_max=1))
    bench.model.failures = [CallFailed("timeout", "60 s")]
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert sum(held[0] for held in bench.spending.reserved.values()) == pytest.approx(0.001)


async def test_a_reply_that_nobody_can_use_is_counted_as_spent() -> None:
    bench = Bench(usd_max=0.003)
    billed = Completion(content="", input_tokens=10, output_tokens=1_000, cost_usd=0.001)
    bench.model.failures = [CallFailed("refused", "finish_reason length", billed=billed) for _ in range(9)]
    for n in range(9):
        await bench.say(f"s{n}")
    await bench.wait(GAP_MS + 5_000)
    assert len(bench.model.requests) == 3
    states = [(await bench.entry(f"s{n}")).state for n in range(9)]
    assert (states.count("failed"), states.count("deferred")) == (3, 6)


async def test_a_worker_that_stood_still_past_its_lease_tells_the_feed_nothing() -> None:
    """Its answer is kept all the same: it was paid for."""

    class StoppedInTheCall(LanguageModel):
        async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
            answer = await super().complete(request, deadline_ms)
            bench.now += LIMITS.lease_ms + 1
            return answer

    bench = Bench(model=StoppedInTheCall(content="good"))
    await bench.say("s")
    await bench.wait(GAP_MS + 30_000)
    assert len(bench.feed.told("verdict")) == 1
    assert len(bench.model.requests) == 1
    assert bench.state("s") == "at rest"


async def test_a_row_that_could_not_be_deleted_is_not_forgotten() -> None:
    """Its trace turns out to belong to another session, and MLflow has none of the traces that are left."""

    class Unreachable(MlflowRows):
        refusals = 0

        async def delete(self, row: RowRef) -> None:
            if self.refusals:
                self.refusals -= 1
                raise TransientError("refused", maybe_done=False)
            await super().delete(row)

    rows = Unreachable()
    bench = Bench(rows=rows, limits=replace(LIMITS, trace_wait_ms=5_000))
    trace = await bench.say("s1", parent="f" * 16)
    await bench.wait(2 * GAP_MS + 5_000)
    assert [row.metadata["mlflow.trace.session"] for row in rows.stored.values()] == ["s1"]
    await bench.say("s2", trace=trace)  # the root, at last
    await bench.say("s1", in_mlflow=False)
    rows.refusals = 2
    await bench.wait(GAP_MS + 300_000)
    assert [row.metadata["mlflow.trace.session"] for row in rows.stored.values()] == ["s2"]
    assert (await bench.entry("s1")).unwritten == "no_trace"


async def test_without_any_trace_in_mlflow_the_ledger_says_so_and_no_row_stands() -> None:
    bench = Bench(limits=replace(LIMITS, trace_wait_ms=5_000))
    trace = await bench.say("s", in_mlflow=False)
    await bench.wait(GAP_MS + 600_000, 5_000)
    entry = await bench.entry("s")
    assert (entry.state, entry.unwritten, entry.feed) == ("judged", "no_trace", True)
    assert not bench.rows.stored
    bench.rows.traces.add(f"tr-{trace}")
    await bench.wait(2 * HOUR_MS, 30_000)
    assert not (await bench.entry("s")).unwritten
    assert judges_of(bench) == ["a"]


async def test_decoding_a_long_session_lets_the_renewal_run() -> None:
    ways: list[int] = []

    class Giving(Bench):
        async def sleep_ms(self, ms: int) -> None:
            ways.append(ms)
            await super().sleep_ms(ms)

    bench = Giving()
    for _ in range(3 * READ_AT_ONCE):
        await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("s")).turns == 3 * READ_AT_ONCE
    assert ways.count(0) >= 3
