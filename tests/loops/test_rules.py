"""What rules make of sessions: who reads them, what is said of it, and what happens when they come back."""

from dataclasses import replace

import pytest

from streamer.core.sampling import Inclusion, draw
from streamer.core.session import SessionRef
from tests.loops.bench import DEFAULT, GAP_MS, LIMITS, Bench, spec

HALF = replace(DEFAULT, name="half", sampling=0.5, always_judge=("error",))


def drawn(bench: Bench, *, below: bool) -> str:
    """A session whose number lies on this side of the share of HALF."""
    return next(f"s{n}" for n in range(99) if (draw(SessionRef(bench.scope, f"s{n}").key) < 0.5) is below)


async def test_a_judge_that_the_rule_does_not_name_is_not_asked_and_the_closing_says_so() -> None:
    voice = replace(DEFAULT, name="voice", attributes=(("channel", "voice"),), judges=("b",))
    bench = Bench(specs=(spec("a"), spec("b")), rules=(voice, DEFAULT))
    await bench.say("s", channel="voice")
    await bench.say("t")
    await bench.wait(GAP_MS + 5_000)
    assert {name: (await bench.entry("s", name)).state for name in ("a", "b")} == {"a": "filtered", "b": "judged"}
    assert {name: (await bench.entry("t", name)).state for name in ("a", "b")} == {"a": "judged", "b": "judged"}
    assert len(bench.model.requests) == 3
    closing = next(c for c in bench.feed.told("closing") if c["session"]["id"] == "s")
    assert [(d["judge"], d["state"], d["inclusion"]["reason"]) for d in closing["judges"]] == [
        ("a", "filtered", "filtered"),
        ("b", "judged", "all"),
    ]
    assert bench.state("s") == "at rest"


async def test_a_session_outside_the_sample_is_not_judged_until_there_is_an_error() -> None:
    bench = Bench(specs=(spec("a"), spec("b")), rules=(HALF,))
    out = drawn(bench, below=False)
    await bench.say(out)
    await bench.wait(GAP_MS + 5_000)
    assert [(await bench.entry(out, name)).state for name in ("a", "b")] == ["sampled_out", "sampled_out"]
    assert bench.model.requests == []
    assert bench.feed.told("closing")[0]["inclusion"] == {"probability": 0.5, "reason": "sampled_out", "rule": "half"}
    assert bench.state(out) == "at rest"
    await bench.say(out, error=True)
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry(out)).inclusion == Inclusion(1.0, "error", "half")
    assert [v["inclusion"]["reason"] for v in bench.feed.told("verdict")] == ["error", "error"]
    assert {row.metadata["streamer.inclusion_reason"] for row in bench.rows.stored.values()} == {"error"}


async def test_a_judge_taken_away_is_not_said_to_be_left_out_of_a_session_that_is_judged_now() -> None:
    bench = Bench(specs=(spec("a"), spec("b")), rules=(HALF,))
    out = drawn(bench, below=False)
    await bench.say(out)
    await bench.wait(GAP_MS + 5_000)
    bench.specs, bench.generation = (spec("a"),), 2
    await bench.store.set_generation(2, b"")
    await bench.say(out, error=True)
    await bench.wait(GAP_MS + 5_000)
    assert [(await bench.entry(out, name)).state for name in ("a", "b")] == ["judged", "removed"]
    bench.specs, bench.generation = (spec("a"), spec("b")), 3
    await bench.store.set_generation(3, b"")
    await bench.say(out, "And now?")
    await bench.wait(GAP_MS + 5_000)
    assert [(await bench.entry(out, name)).state for name in ("a", "b")] == ["judged", "judged"]


async def test_an_error_in_a_session_of_the_sample_makes_its_probability_one() -> None:
    bench = Bench(rules=(HALF,))
    session = drawn(bench, below=True)
    await bench.say(session)
    await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry(session)).inclusion == Inclusion(0.5, "sample", "half")
    await bench.say(session, error=True)
    await bench.wait(GAP_MS + 5_000)
    assert [v["inclusion"]["probability"] for v in bench.feed.told("verdict")] == [0.5, 1.0]


async def test_a_verdict_that_is_never_renewed_stays_and_says_so() -> None:
    bench = Bench(rules=(replace(DEFAULT, rescore="never"),))
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    await bench.say("s", "And now?")
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry("s")
    assert (entry.state, entry.revision, entry.turns, entry.unrenewed) == ("judged", 1, 1, "rescore_never")
    assert len(bench.model.requests) == 1
    (row,) = bench.rows.stored.values()
    assert (row.metadata["streamer.turns"], row.metadata["streamer.unrenewed"]) == ("1", "rescore_never")
    assert [c["judges"][0]["reason"] for c in bench.feed.told("closing")] == [None, "rescore_never"]
    assert bench.state("s") == "at rest"


async def test_a_verdict_that_is_not_renewed_still_follows_the_first_trace() -> None:
    bench = Bench(rules=(replace(DEFAULT, rescore="never"),))
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    earlier = await bench.say("s", "I was first", start_ns=5, end_ns=6)
    await bench.wait(GAP_MS + 5_000)
    assert [row.trace_id for row in bench.rows.stored.values()] == [f"tr-{earlier}"]
    assert len(bench.model.requests) == 1


async def test_final_only_renews_at_an_explicit_end() -> None:
    bench = Bench(rules=(replace(DEFAULT, rescore="final_only"),))
    for words in ("One", "Two"):
        await bench.say("s", words)
        await bench.wait(GAP_MS + 5_000)
    assert (await bench.entry("s")).unrenewed == "rescore_final_only"
    await bench.say("s", "Bye", session__end=True)
    await bench.wait(10_000)
    entry = await bench.entry("s")
    assert (entry.revision, entry.turns, entry.unrenewed) == (2, 3, "")


async def test_a_rule_that_is_lifted_brings_the_verdict_back_without_a_call() -> None:
    bench = Bench()
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    bench.rules = (replace(DEFAULT, judges=()),)
    trace = await bench.say("s", "Again", parent="f" * 16)
    await bench.wait(2 * GAP_MS + 5_000)
    assert (await bench.entry("s")).state == "filtered"
    assert len(bench.rows.stored) == 1
    bench.rules = (DEFAULT,)
    await bench.say("t", trace=trace)  # its root: the trace was another session's, and s is what it was
    await bench.wait(GAP_MS + 5_000)
    entry = await bench.entry("s")
    assert (entry.state, entry.revision, entry.mlflow) == ("judged", 1, True)
    assert len(bench.model.requests) == 2  # one for each session


@pytest.mark.parametrize("refusals", [0, 1])
async def test_what_a_judge_said_for_the_time_being_becomes_its_last_word_though_a_rule_leaves_it_out(
    refusals: int,
) -> None:
    bench = Bench(specs=(spec("a"), spec("b")), limits=replace(LIMITS, max_turns=2))
    bench.rules = (replace(DEFAULT, max_turns=2, sampling=0.5, always_judge=("error",)),)
    for _ in range(2):
        await bench.say("s", error=True)
    await bench.wait(5_000)
    assert {row.metadata["streamer.interim"] for row in bench.rows.stored.values()} == {"true"}
    bench.rules = (replace(DEFAULT, name="b only", max_turns=2, judges=("b",)),)
    bench.feed.refusals = refusals
    await bench.wait(GAP_MS + 20_000)
    entry = await bench.entry("s")
    assert (entry.state, entry.interim, entry.revision, entry.owes) == ("filtered", False, 1, False)
    (row,) = [row for row in bench.rows.stored.values() if row.name == "a"]
    said = {name: row.metadata[f"streamer.{name}"] for name in ("interim", "close_reason", "inclusion_reason", "rule")}
    assert said == {"interim": "false", "close_reason": "quiet", "inclusion_reason": "error", "rule": "default"}
    last = [v for v in bench.feed.told("verdict") if v["judge"] == "a"][-1]
    assert (last["interim"], last["revision"], last["inclusion"]["reason"]) == (False, 1, "error")
    decision = bench.feed.told("closing")[-1]["judges"][0]
    assert (decision["state"], decision["inclusion"]["reason"]) == ("filtered", "filtered")
    assert len(bench.model.requests) == 2  # one for each judge
    assert bench.state("s") == "at rest"


async def test_the_row_of_a_judge_that_was_left_out_follows_the_first_trace() -> None:
    bench = Bench()
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    bench.rules = (replace(DEFAULT, judges=()),)
    earlier = await bench.say("s", "I was first", start_ns=5, end_ns=6)
    await bench.wait(GAP_MS + 5_000)
    assert [row.trace_id for row in bench.rows.stored.values()] == [f"tr-{earlier}"]
    assert len(bench.model.requests) == 1
