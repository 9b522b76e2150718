"""Sessions of real loops, taken out and decided again."""

from dataclasses import replace

import pytest

from streamer.core.case import Case, differences, recorded
from streamer.core.case_codec import from_json, to_json
from streamer.core.redact_case import Changed, redacted
from streamer.core.sampling import draw
from streamer.core.session import SessionRef
from streamer.errors import CallFailed
from tests.builders import facts_of, otlp_record, span
from tests.loops.bench import DEFAULT, GAP_MS, LIMITS, Bench, spec
from tests.loops.cases import case_of

KEY = b"of this test"


async def judged_twice(bench: Bench) -> Case:
    await bench.say("chat of Ada", "My parcel is lost. Useless!")
    await bench.wait(GAP_MS + 5_000)
    await bench.say("chat of Ada", "It came. Thanks!")
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "chat of Ada")


async def open_session(bench: Bench) -> Case:
    await bench.say("s")
    return await case_of(bench, "s")


async def ended(bench: Bench) -> Case:
    await bench.say("s")
    await bench.store.end_session(SessionRef(bench.scope, "s"), bench.now)
    await bench.wait(5_000)
    return await case_of(bench, "s")


async def failed(bench: Bench) -> Case:
    bench.model.failures = [CallFailed("bad_request", "400")]
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "s")


async def late_root(bench: Bench) -> Case:
    trace = await bench.say("s", "Child's words", parent="9" * 16)
    await bench.wait(GAP_MS + 20_000)
    await bench.say("s", "Root's words", trace=trace)
    await bench.wait(GAP_MS + 20_000)
    return await case_of(bench, "s")


async def facts_expired(bench: Bench) -> Case:
    lost = await bench.say("s")
    for bucket in bench.redis.buckets.values():
        for key in [key for key in bucket.keys if key[0] == "t" and lost in str(key)]:
            del bucket.keys[key]
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "s")


async def shared(bench: Bench) -> Case:
    bench.limits = bench.redis.limits = replace(LIMITS, traces_max=2)
    for bucket in bench.redis.buckets.values():
        bucket.limits = bench.limits
    for _ in range(4):
        await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "s")


async def deferred(bench: Bench) -> Case:
    bench.spending.usd_max = 0.0
    await bench.say("s")
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "s")


async def sampled_out(bench: Bench) -> Case:
    bench.rules = (replace(DEFAULT, name="few", sampling=0.5),)
    session = next(f"chat {n}" for n in range(99) if draw(SessionRef(bench.scope, f"chat {n}").key) > 0.5)
    await bench.say(session)
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, session)


async def filtered(bench: Bench) -> Case:
    """By an attribute, whose value is a word of theirs."""
    bench.rules = (replace(DEFAULT, name="quiet", attributes=(("app.plan", "Gold"),), judges=()), DEFAULT)
    await bench.say("s", app__plan="Gold")
    await bench.wait(GAP_MS + 5_000)
    return await case_of(bench, "s")


async def never_renewed(bench: Bench) -> Case:
    bench.rules = (replace(DEFAULT, rescore="never"),)
    return await judged_twice(bench)


async def full_twice(bench: Bench) -> Case:
    """Closed for the time being at three turns, and put back at its next one, whose root is late."""
    bench.limits = bench.redis.limits = replace(LIMITS, max_turns=3, trace_timeout_ms=3 * GAP_MS)
    for bucket in bench.redis.buckets.values():
        bucket.limits = bench.limits
    bench.rules = (replace(DEFAULT, max_turns=3),)
    for _ in range(3):
        await bench.say("s")
    await bench.wait(5_000)
    await bench.say("s", "Child's words", parent="9" * 16)
    await bench.wait(GAP_MS + 20_000)
    return await case_of(bench, "s")


STORIES = [judged_twice, open_session, ended, failed, late_root, facts_expired, shared, deferred]
STORIES += [sampled_out, filtered, never_renewed, full_twice]
stories = pytest.mark.parametrize("story", STORIES, ids=[story.__name__ for story in STORIES])


@stories
async def test_it_is_decided_as_it_was_with_its_words_and_without(story) -> None:  # type: ignore[no-untyped-def]
    case = await story(Bench())
    assert differences(case) == []
    without = redacted(case, KEY)
    assert differences(without) == []
    assert from_json(to_json(case)) == from_json(to_json(from_json(to_json(case))))
    assert differences(from_json(to_json(without))) == []


async def test_what_was_said_is_not_in_the_file() -> None:
    case = await judged_twice(Bench())
    assert "parcel" in to_json(case)
    said = to_json(redacted(case, KEY))
    for word in ("parcel", "lost", "Useless", "Thanks", "Ada", case.session.key):
        assert word not in said
    assert case.decided.transcript_hash is not None
    assert case.decided.transcript_hash not in said


async def test_what_each_judge_is_asked_is_what_the_ledger_says() -> None:
    assert (await judged_twice(Bench())).decided.judges == {"a": "stands"}
    assert (await open_session(Bench())).decided.judges == {"a": "ask"}
    assert (await facts_expired(Bench())).decided.judges == {"a": "facts_expired"}
    assert (await shared(Bench())).decided.judges == {"a": "shared_session_id"}
    assert (await deferred(Bench())).decided.judges == {"a": "waits"}
    assert (await sampled_out(Bench())).decided.judges == {"a": "sampled_out"}
    assert (await filtered(Bench())).decided.judges == {"a": "filtered"}
    assert (await never_renewed(Bench())).decided.judges == {"a": "stands"}
    assert set((await ended(Bench())).decided.closings.values()) == {"ended"}
    assert set((await full_twice(Bench())).decided.closings.values()) == {""}


async def test_rules_decide_without_words_as_with_them_and_tell_no_number_of_a_session() -> None:
    case = await sampled_out(Bench())
    without = redacted(case, KEY)
    assert without.decided.judges == {"a": "sampled_out"}
    assert without.number == 0.75
    said = to_json(redacted(await filtered(Bench()), KEY))
    assert "Gold" not in said
    assert "app.plan" in said
    wider = replace(case, settings=replace(case.settings, rules=(DEFAULT,)))
    assert [tuple(found) for found in differences(wider)] == [("judge a", "sampled_out", "ask")]


async def test_a_decision_that_changed_is_named() -> None:
    case = await judged_twice(Bench(specs=(spec("a"), spec("b"))))
    trace, turn = next(iter(case.decided.turns.items()))
    assert turn is not None
    worse = replace(turn, user="something else", io_source="llm")
    changed = replace(case, decided=replace(case.decided, turns={**case.decided.turns, trace: worse}))
    assert {found.where for found in differences(changed)} == {f"user of trace {trace}", f"io_source of trace {trace}"}
    assert all("something" not in found.recorded for found in differences(changed))
    token = max(case.decided.closings)
    changed = replace(case, decided=replace(case.decided, closings={token: "max_age"}))
    assert [(found.where, found.recorded) for found in differences(changed)] == [
        (f"closing by claim {token}", "max_age")
    ]
    changed = replace(case, decided=replace(case.decided, judges={**case.decided.judges, "b": "ask"}))
    assert [found.where for found in differences(changed)] == ["judge b"]
    changed = replace(case, decided=replace(case.decided, transcript_hash="0" * 32, first_trace="f" * 32))
    assert {found.where for found in differences(changed)} == {"transcript", "first trace"}


async def test_a_difference_that_was_recorded_is_still_one_without_words() -> None:
    """The worker that judged read the trace otherwise than this version does: that is what a case is sent for."""
    case = await judged_twice(Bench())
    trace, turn = next(iter(case.decided.turns.items()))
    assert turn is not None
    buggy = replace(case, decided=replace(case.decided, turns={**case.decided.turns, trace: replace(turn, user="no")}))
    assert {found.where for found in differences(redacted(buggy, KEY))} == {f"user of trace {trace}"}


async def test_a_session_that_its_words_decide_is_not_written_without_them() -> None:
    """A session that is called after its trace, with dashes, is none: a placeholder does not look like that."""
    case, trace = await judged_twice(Bench()), "0af7651916cd43dd8448eb211c80319c"
    dashed = "0af76519-16cd-43dd-8448-eb211c80319c"
    one = span(trace, "1" * 16, session__id=dashed, gen_ai__conversation__id=case.session.session_id, input__value="hi")
    facts = facts_of(otlp_record(one), trace_id=trace)
    grown = replace(case, state=replace(case.state, members={trace: facts.version}), facts={trace: facts})
    grown = replace(grown, decided=recorded(grown))
    assert grown.decided.owners[trace] == case.session.session_id
    with pytest.raises(Changed, match=f"owner of trace {trace}"):
        redacted(grown, KEY)
