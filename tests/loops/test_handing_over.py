"""Verdicts that were bought apart go the live path, whatever happens on the way, and the live path pays for nothing."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import pytest

from streamer.core.assessment import Row
from streamer.core.evaluating import Evaluated, Found
from streamer.core.ids import digest
from streamer.core.judges import JudgeSpec
from streamer.core.session import SessionRef
from streamer.core.terms import Terms
from streamer.core.turn import PROBE, Turn
from streamer.core.verdict import JudgeFailure
from streamer.errors import CallFailed, StreamerError, TransientError
from streamer.loops.choke_point import ChokePoint
from streamer.loops.evaluate import Evaluate, EvaluateParts, NoLeases
from streamer.loops.handing_over import HandedOver, HandingOver, Written
from streamer.loops.held import HeldClaims
from streamer.loops.in_force import InForce
from streamer.loops.judge import JudgeParts
from streamer.loops.publishing import Publishing
from streamer.loops.writing import Writing
from tests.fakes.evaluate_store import FakeEvaluateStore
from tests.fakes.measures import SilentJournal, SilentMetrics
from tests.fakes.mlflow_rows import MlflowRows
from tests.loops.bench import DEFAULT, GAP_MS, SOURCE, Bench, OneCall, Tasks, spec

QUIET_MS = GAP_MS + 5_000


class Crashed(BaseException):
    """kill -9."""


class Apart(Bench):
    """The bench, and an evaluation beside it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.apart = FakeEvaluateStore(self.redis)
        self.store = self.apart
        self.rows = self.failing = Failing()

    def ref(self, session: str) -> SessionRef:
        return SessionRef(self.scope, session)

    def traced(self, session: str, words: list[str]) -> Found:
        """Turns that only MLflow has."""
        turns = {}
        for n, text in enumerate(words):
            trace = f"{digest([session]).hex()[:28]}{n:04x}"
            at_ns = (self.now - 10_000_000 + n) * 10**6
            turns[trace] = Turn(
                trace_id=trace, version=0, start_ns=at_ns, end_ns=at_ns + 5, user=text, assistant="Hi.", agent="agent"
            )
            self.rows.traces.add(f"tr-{trace}")
        return Found(self.ref(session), turns, ())

    def evaluation(self, specs: tuple[JudgeSpec, ...]) -> Evaluate:
        choke = ChokePoint(self.model, Answers(), NoLeases(), self.spending, self, SilentMetrics(), SilentJournal())
        terms = Terms(specs=specs, rules=(DEFAULT,), content=b"")
        parts = EvaluateParts(
            namespace="bench", terms=terms, known=self.apart, judges=OneCall(), choke_point=choke,
            assessments=self.rows, limits=self.limits, clock=self, tasks=Tasks(),
        )  # fmt: skip
        return Evaluate(parts)

    def writer(self, specs: tuple[JudgeSpec, ...], store: Any = None) -> HandingOver:
        store, metrics, journal = store or self.apart, SilentMetrics(), SilentJournal()
        held, scores = HeldClaims(store, self, self.limits), HandedOver()
        terms = Terms(specs=specs, rules=(DEFAULT,), content=b"")
        parts = JudgeParts(
            sources=[SOURCE], store=store, held=held, scoring=scores,
            publishing=Publishing("bench", self.feed, self, metrics, journal),
            writing=Writing("bench", self.rows, store, held, self.limits, metrics, journal),
            limits=self.limits, in_force=InForce(store, terms, metrics, journal), capacity=10, clock=self,
            tasks=Tasks(), metrics=metrics, journal=journal,
        )  # fmt: skip
        return HandingOver(parts, store, self.rows, scores, "bench")

    async def evaluate(self, found: Found, *specs: JudgeSpec) -> tuple[Evaluated, Written]:
        done = await self.evaluation(specs or self.specs).session(found)
        return done, await self.writer(specs or self.specs).hand_over(done)


class Failing(MlflowRows):
    """MLflow that is down for as long as it is said."""

    down = False

    async def post(self, row: Row) -> Literal["created", "exists", "no_trace"]:
        if self.down:
            raise TransientError("MLflow is down", maybe_done=False)
        return await super().post(row)


class Answers:
    """Those of one evaluation."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}

    async def find_answer(self, claim: Any, call_key: str) -> Any:
        return self.saved.get(call_key)

    async def save_answer(self, claim: Any, call_key: str, answer: Any) -> None:
        self.saved[call_key] = answer


async def test_a_session_that_nobody_knew_comes_to_rest_with_its_verdict_and_is_renewed_when_it_returns() -> None:
    bench = Apart()
    found = bench.traced("old", ["Hello?", "Still there?"])
    _, written = await bench.evaluate(found)
    assert (written, bench.state("old")) == ("written", "at rest")
    assert [record["origin"] for record in bench.feed.told("verdict")] == ["backfill"]
    assert await bench.wait(QUIET_MS) == 0
    calls = len(bench.model.requests)
    again, written = await bench.evaluate(found)
    assert (again.judged[0].stands, written, len(bench.model.requests)) == (True, "stood", calls)
    await bench.say("old", "I am back.")
    await bench.wait(QUIET_MS)
    entry = await bench.entry("old")
    assert (entry.revision, entry.turns, len(entry.history)) == (2, 3, 1)
    assert [record["origin"] for record in bench.feed.told("verdict")] == ["backfill", "live"]


async def test_a_probe_is_left_out_and_costs_nothing() -> None:
    bench = Apart()
    found = bench.traced("probe", ["Hello?"])
    marked = {trace: replace(turn, flags=frozenset({PROBE})) for trace, turn in found.turns.items()}
    done = await bench.evaluation(bench.specs).session(found._replace(turns=marked))
    assert (done.skipped, bench.model.requests) == ("probe", [])


async def test_what_live_has_judged_stands_and_what_is_open_is_left_alone() -> None:
    bench = Apart()
    await bench.say("live")
    open_one, written = await bench.evaluate(Found(bench.ref("live"), {}, ()))
    assert written == "open"
    await bench.wait(QUIET_MS)
    calls = len(bench.model.requests)
    done, written = await bench.evaluate(Found(bench.ref("live"), {}, ()))
    assert (done.judged[0].stands, written, len(bench.model.requests)) == (True, "stood", calls)
    assert done.transcript.hash == open_one.transcript.hash


async def test_another_judge_beside_the_live_one_and_another_definition_of_it() -> None:
    bench = Apart()
    await bench.say("live")
    await bench.wait(QUIET_MS)
    _, written = await bench.evaluate(Found(bench.ref("live"), {}, ()), spec("b"))
    assert written == "written"
    assert (await bench.entry("live", "b")).revision == 1
    assert (await bench.entry("live", "a")).revision == 1
    other = replace(spec("a"), model="openai:/another")
    _, written = await bench.evaluate(Found(bench.ref("live"), {}, ()), other)
    entry = await bench.entry("live", "a")
    assert (written, entry.revision, entry.judge_version) == ("written", 2, other.version)
    assert [past.revision for past in entry.history] == [1]
    assert await bench.wait(QUIET_MS) == 0


async def test_a_session_that_has_grown_since_it_was_read_is_not_taken() -> None:
    bench = Apart()
    found = bench.traced("old", ["Hello?"])
    done = await bench.evaluation(bench.specs).session(found)
    await bench.say("old", "I am back.")
    assert await bench.writer(bench.specs).hand_over(done) == "changed"
    await bench.apart.set_paused(True)
    assert await bench.writer(bench.specs).hand_over(replace(done, state=None)) == "paused"


async def test_with_mlflow_down_it_is_owed_and_the_live_path_delivers_it_as_what_it_is_and_asks_nobody() -> None:
    bench = Apart(specs=(spec("a"), spec("b")))
    bench.failing.down = True
    _, written = await bench.evaluate(bench.traced("old", ["Hello?"]), spec("a"))
    assert written == "owed"
    calls = len(bench.model.requests)
    bench.failing.down = False
    await bench.wait(120_000)
    assert (bench.state("old"), len(bench.model.requests)) == ("at rest", calls)
    assert (await bench.entry("old", "a")).mlflow
    assert (await bench.entry("old", "b")).state == "filtered"
    assert {record["origin"] for record in bench.feed.told("verdict")} == {"backfill"}


@pytest.mark.parametrize("live_worker", [True, False])
@pytest.mark.parametrize("nth", range(1, 9))
async def test_killed_at_any_call_to_redis_nothing_doubles_and_the_next_run_ends_it(
    nth: int, live_worker: bool
) -> None:
    bench = Apart()
    found = bench.traced("old", ["Hello?"])
    done = await bench.evaluation(bench.specs).session(found)
    calls = 0

    async def gate(apply: Any, *, hot: bool = False) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise Crashed
        return apply()

    with suppress(Crashed, StreamerError):
        await bench.writer(bench.specs, FakeEvaluateStore(bench.redis, gate)).hand_over(done)
    bought = len(bench.model.requests)
    if live_worker:
        await bench.wait(60_000)
    else:
        bench.now += 60_000  # the lease runs out
    # The saved answer: judged again without a call.
    again = await bench.evaluation(bench.specs).session(found)
    again = replace(
        again, judged=tuple(replace(done.judged[0], stands=one.stands, owed=one.owed) for one in again.judged)
    )
    await bench.writer(bench.specs).hand_over(again)
    await bench.wait(4_000_000, every_ms=20_000)  # intents of the dead age out
    assert bench.state("old") == "at rest"
    entry = await bench.entry("old")
    assert (entry.state, entry.mlflow, entry.revision) == ("judged", True, 1)
    assert len(bench.rows.stored) == 1
    assert len(bench.model.requests) <= bought + 1  # by this test's own second evaluation, which has no saved answer
    assert len({record["event_id"] for record in bench.feed.told("verdict")}) == 1


async def test_a_failure_is_never_handed_over_and_a_verdict_that_stands_stays() -> None:
    bench = Apart()
    found = bench.traced("old", ["Hello?"])
    await bench.evaluate(found)
    bench.model.failures = [CallFailed("bad_request", "")]
    other = replace(spec("a"), model="openai:/another")
    done, written = await bench.evaluate(found, other)
    assert (type(done.judged[0].outcome), written) == (JudgeFailure, "stood")
    assert (await bench.entry("old")).judge_version == spec("a").version
