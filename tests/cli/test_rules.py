"""What people are told of rules."""

from dataclasses import replace

from streamer.cli.rules import in_words, left_out, of_which, rule_line, why_included
from streamer.core.ledger import Entry
from streamer.core.rules import Rule
from streamer.core.sampling import Inclusion

RULE = Rule(name="beta", service="bot", attributes=(("plan", "beta"),), idle_gap_ms=120_000)
ENTRY = Entry(state="judged", generation=1, judge_version="v")


def test_a_rule_is_told_with_its_conditions_and_all_that_it_does() -> None:
    told = in_words(
        replace(RULE, judges=("a",), sampling=0.1, always_judge=("error",), rescore="never", max_turns=9, reopen_max=2)
    )
    assert of_which(RULE) == "service = bot and plan = beta"
    assert of_which(Rule(idle_gap_ms=1)) == "all others"
    for words in (
        "closes after 2 min",
        "at 9 turns",
        "judged by a",
        "0.1 of the sessions and those with error",
        "never renewed",
        "at most 2 times",
    ):
        assert words in told
    assert "not judged" in in_words(replace(RULE, judges=()))


def test_before_a_claim_nobody_knows_the_rule() -> None:
    assert "no claim has read them yet" in rule_line(RULE, is_read=False)
    assert rule_line(RULE, is_read=True).startswith("rule beta: closes after")


def test_why_a_judge_reads_a_session_or_not() -> None:
    assert "does not name it" in left_out(replace(ENTRY, state="filtered", inclusion=Inclusion(0.0, "filtered", "r")))
    out = replace(ENTRY, state="sampled_out", inclusion=Inclusion(0.1, "sampled_out", "r"))
    assert left_out(out) == "not asked: not in the share of 0.1 that the rule r judges"
    assert why_included(replace(ENTRY, inclusion=Inclusion(0.25, "sample", "r"))) == "in the share of 0.25 (rule r)"
    kept = replace(ENTRY, inclusion=Inclusion(1.0, "error", "r"), unrenewed="rescore_never")
    assert why_included(kept).startswith("judged because of an error (rule r); later turns are not judged")
