"""What closes a session, what is said for the time being, and what costs no call."""

from dataclasses import replace
from typing import Any

import pytest

from streamer.core.session import SessionRef
from tests.loops.bench import DEFAULT, GAP_MS, LIMITS, SOURCE, Bench

HOUR_MS = 3_600_000


def bench_with(**most: Any) -> Bench:
    """Every session may gain as much."""
    return Bench(limits=replace(LIMITS, **most), rules=(replace(DEFAULT, **most),))


def marks_of(bench: Bench) -> list[tuple[str, str, str]]:
    """Reason, whether interim, and revision, of every row."""
    rows = [row.metadata for row in bench.rows.stored.values()]
    return [(m["streamer.close_reason"], m["streamer.interim"], m["streamer.revision"]) for m in rows]


def told(bench: Bench, kind: str = "verdict") -> list[tuple[str, bool, int, int]]:
    records = bench.feed.told(kind)
    return [(r["close_reason"], r["interim"], r["revision"], r["turns"]) for r in records]


@pytest.mark.parametrize("limits", [{"max_turns": 3}, {"max_bytes": 27}])
async def test_a_full_session_is_judged_for_the_time_being_and_for_good_when_quiet(
    limits: dict[str, int],
) -> None:
    bench = bench_with(**limits)
    reason = next(iter(limits))
    for _ in range(3):  # 9 bytes of text each
        await bench.say("s")
        await bench.wait(2_000)
    entry = await bench.entry("s")
    assert (entry.close_reason, entry.interim, entry.turns) == (reason, True, 3)
    assert marks_of(bench) == [(reason, "true", "1")]
    assert bench.state("s") == "open"
    await bench.say("s", "And one more.")
    await bench.wait(GAP_MS + 5_000)
    assert marks_of(bench) == [("quiet", "false", "2")]
    assert told(bench) == [(reason, True, 1, 3), ("quiet", False, 2, 4)]
    assert bench.state("s") == "at rest"


async def test_an_interim_verdict_that_nothing_came_after_becomes_the_last_word_without_a_call() -> None:
    bench = bench_with(max_turns=2)
    for _ in range(2):
        await bench.say("s")
    await bench.wait(5_000)
    assert marks_of(bench) == [("max_turns", "true", "1")]
    await bench.wait(GAP_MS)
    assert marks_of(bench) == [("quiet", "false", "1")]
    assert told(bench) == [("max_turns", True, 1, 2), ("quiet", False, 1, 2)]
    ids = [record["event_id"] for record in bench.feed.told("verdict")]
    assert len(set(ids)) == 2  # a reader that drops repetitions keeps both, and the greater token last
    assert [closing["close_reason"] for closing in bench.feed.told("closing")] == ["max_turns", "quiet"]
    assert len(bench.model.requests) == 1
    assert bench.state("s") == "at rest"


async def test_turns_are_counted_anew_after_each_closing() -> None:
    bench = bench_with(max_turns=2)
    for _ in range(5):
        await bench.say("s")
        await bench.wait(2_000)
    await bench.wait(GAP_MS + 5_000)
    assert told(bench) == [("max_turns", True, 1, 2), ("max_turns", True, 2, 4), ("quiet", False, 3, 5)]


async def test_the_maximum_age_is_interim_too_and_is_counted_anew() -> None:
    bench = bench_with(max_age_ms=3 * GAP_MS)
    for _ in range(8):
        await bench.say("s")
        await bench.wait(GAP_MS // 2)
    assert [(reason, interim) for reason, interim, _, _ in told(bench)] == [("max_age", True)]
    await bench.wait(GAP_MS + 5_000)
    assert told(bench)[-1][:2] == ("quiet", False)
    assert bench.state("s") == "at rest"


async def test_an_end_after_an_interim_verdict_closes_for_good_at_once() -> None:
    bench = bench_with(max_turns=2)
    for _ in range(2):
        await bench.say("s")
    await bench.wait(5_000)
    await bench.store.end_session(SessionRef(bench.scope, "s"), bench.now)
    await bench.wait(LIMITS.settle_ms // 2, LIMITS.settle_ms // 2)
    assert marks_of(bench) == [("max_turns", "true", "1")]
    await bench.wait(2_000)
    assert marks_of(bench) == [("ended", "false", "1")]
    assert len(bench.model.requests) == 1


async def test_an_end_that_comes_before_any_turn_is_remembered_and_waits_until_it_has_settled() -> None:
    bench = Bench()
    await bench.store.end_session(SessionRef(bench.scope, "s"), bench.now)
    assert bench.state("s") == "at rest"
    await bench.say("s")
    await bench.wait(500, 500)
    assert bench.feed.told("verdict") == []
    await bench.wait(2_000)
    assert told(bench) == [("ended", False, 1, 1)]
    entry = await bench.entry("s")
    assert entry.close_reason == "ended"
    assert marks_of(bench) == [("ended", "false", "1")]


async def test_a_turn_after_the_end_has_settled_takes_it_back() -> None:
    bench = Bench()
    await bench.say("s")
    await bench.store.end_session(SessionRef(bench.scope, "s"), bench.now)
    bench.now += LIMITS.settle_ms + 1
    await bench.say("s")
    await bench.wait(GAP_MS - 1_000)
    assert bench.feed.told("verdict") == []
    await bench.wait(5_000)
    assert told(bench) == [("quiet", False, 1, 2)]


async def test_what_changes_nothing_of_the_transcript_costs_no_call_and_tells_nothing() -> None:
    """The same span again, re-batched bytes of it, and a late span without text: each re-opens the session."""
    bench = Bench()
    trace = await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    before = (len(bench.model.requests), len(bench.feed.told("verdict")), bench.rows.written)
    for _ in range(3):
        await bench.say_nothing("s", trace)
        await bench.wait(GAP_MS + 5_000)
    assert (len(bench.model.requests), len(bench.feed.told("verdict")), bench.rows.written) == before
    assert (await bench.entry("s")).revision == 1
    assert bench.state("s") == "at rest"


async def test_each_session_is_full_by_its_own_rule() -> None:
    """Ingest goes by the smallest limit until a claim has found the rule."""
    wide = replace(DEFAULT, name="wide", attributes=(("app.plan", "wide"),), max_turns=4)
    without = replace(wide, name="without", attributes=(("app.plan", "without"),), max_turns=None)
    bench = Bench(limits=replace(LIMITS, max_turns=2), rules=(wide, without, replace(DEFAULT, max_turns=2)))
    for _ in range(5):
        for session in ("wide", "without", "small"):
            await bench.say(session, app__plan=session)
        await bench.wait(2_000)
    closings = [(c["session"]["id"], c["close_reason"], c["turns"]) for c in bench.feed.told("closing")]
    assert closings == [("small", "max_turns", 2), ("wide", "max_turns", 4), ("small", "max_turns", 4)]


@pytest.mark.parametrize(
    ("policy", "unrenewed", "revision"),
    [
        ({"rescore": "never"}, "rescore_never", 1),
        ({"reopen_max": 0}, "reopen_max", 1),
        ({"rescore": "final_only"}, "", 2),
    ],
)
async def test_an_interim_verdict_that_is_not_renewed_is_the_last_word(
    policy: dict[str, Any], unrenewed: str, revision: int
) -> None:
    bench = bench_with(max_turns=2)
    bench.rules = (replace(bench.rules[0], **policy),)
    for _ in range(3):
        await bench.say("s")
        await bench.wait(2_000)
    assert marks_of(bench) == [("max_turns", "true", "1")]
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry("s")
    assert (entry.unrenewed, entry.interim, entry.turns) == (unrenewed, False, 2 if unrenewed else 3)
    assert marks_of(bench) == [("quiet", "false", str(revision))]
    assert told(bench)[-1][:3] == ("quiet", False, revision)
    assert len(bench.model.requests) == revision
    assert bench.state("s") == "at rest"


@pytest.mark.parametrize("refusals", [0, 1])
async def test_what_a_lost_claim_may_have_told_is_told_right_though_a_claim_put_the_session_back_in_between(
    refusals: int,
) -> None:
    bench = Bench()
    trace = await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    await bench.say_nothing("s", trace)
    bench.now += GAP_MS + 1_000
    lost = await bench.store.claim(1, {SOURCE: bench.now}, bench.generation)
    assert len(lost.claims) == 1
    await bench.say_nothing("s", trace)  # while it is leased: the next claim finds it open again
    bench.feed.refusals = refusals
    await bench.wait(GAP_MS + 30_000)
    tokens = [verdict["token"] for verdict in bench.feed.told("verdict")]
    assert len(tokens) == 2
    assert tokens[-1] > lost.claims[0].token
    assert len(bench.model.requests) == 1
    assert bench.state("s") == "at rest"
