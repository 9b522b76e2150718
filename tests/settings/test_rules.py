"""Rules: what they inherit, and what is refused."""

import re
from pathlib import Path

import pytest

from streamer.core.rules import Rule
from tests.settings.conftest import Given

JUDGES = '[[judges]]\ntype = "user_frustration"\n[[judges]]\ntype = "conversational_safety"\nname = "safety"\n'


def test_a_rule_inherits_what_it_does_not_say_and_the_last_is_sessions(given: Given) -> None:
    voice = '[[rules]]\nservice = "voice"\nidle_gap_ms = "2m"\nattributes = { beta = true, n = 2 }\n'
    settings = given.loads(f'[sessions]\nsettle_ms = "3s"\nmax_age_ms = "2d"\n{voice}')
    one, default = settings.core_rules()
    assert (one.name, one.idle_gap_ms, one.settle_ms, one.max_age_ms) == ("rules[0]", 120_000, 3_000, 172_800_000)
    assert one.attributes == (("beta", "true"), ("n", "2"))
    assert default == Rule(idle_gap_ms=900_000, settle_ms=3_000, max_age_ms=172_800_000)


def test_until_the_rule_of_a_session_is_known_the_shortest_of_all_count(given: Given) -> None:
    text = '[[rules]]\nagent = "a"\nmax_age_ms = "3h"\nsettle_ms = "20s"\n[[rules]]\nagent = "b"\nidle_gap_ms = "1m"\n'
    limits = given.loads(text).limits()
    assert (limits.gap_ms_min, limits.max_age_ms, limits.settle_ms, limits.settle_ms_max) == (
        60_000,
        10_800_000,
        10_000,
        20_000,
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            'judges = ["safty"]',
            "rules[0].judges (streamer.toml:8) names no judge with its entry 1; did you mean safety?",
        ),
        (
            'judges = ["safety", "x"]',
            "rules[0].judges (streamer.toml:8) names no judge with its entry 2; known are user_frustration, safety",
        ),
        ("sampling = 1.01", "rules[0].sampling (streamer.toml:8) must be at most 1.0"),
        ("sampling = -0.1", "rules[0].sampling (streamer.toml:8) must be at least 0.0"),
        ("sampling = true", "rules[0].sampling (streamer.toml:8) must be a number, not true or false"),
        (
            'rescore = "once"',
            "rules[0].rescore (streamer.toml:8) must be one of every_pause, final_only, never",
        ),
        (
            'always_judge = ["errors"]',
            "rules[0].always_judge[0] (streamer.toml:8) must be one of error, thumbs_down; did you mean error?",
        ),
        ("max_turns = 0", "rules[0].max_turns (streamer.toml:8) must be at least 1"),
        ("reopen_max = -1", "rules[0].reopen_max (streamer.toml:8) must be at least 0"),
        ('name = "default"', "rules[0].name (streamer.toml:8) is what [sessions] is called; choose another"),
        ("attributes = { a = [1] }", "rules[0].attributes.a (streamer.toml:8) must be text, a finite number, true or"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(given: Given, rules: str, said: str) -> None:
    assert given.refused(f'{JUDGES}\n[[rules]]\n{rules}\nservice = "s"').startswith(said)


def test_the_example_of_the_manual_is_valid(given: Given) -> None:
    manual = (Path(__file__).parent.parent.parent / "docs" / "operations.md").read_text()
    (example,) = re.findall(r"```toml\n(\[\[rules\]\].*?)```", manual, re.DOTALL)
    names = [rule.name for rule in given.loads(example).core_rules()]
    assert names == ["voice", "beta", "load test", "everything else", "default"]


@pytest.mark.parametrize("value", ["sampling = 0", "sampling = 1", "reopen_max = 0", "max_turns = 1", "judges = []"])
def test_at_the_limit_it_is_allowed(given: Given, value: str) -> None:
    given.loads(f"{JUDGES}\n[[rules]]\n{value}")


def test_a_rule_that_can_never_match_or_never_act_is_refused(given: Given) -> None:
    assert given.refused('[[rules]]\nsampling = 0.1\n[[rules]]\nservice = "a"').startswith(
        "rules[0] (streamer.toml:1) has no condition, so that rules[1] could never match; put it last"
    )
    said = given.refused('[[rules]]\nname = "x"\nagent = "a"\n[[rules]]\nname = "x"\nagent = "b"')
    assert said.startswith("rules[0] and rules[1] have the same name")
    said = given.refused('[[rules]]\nrescore = "never"\nreopen_max = 3')
    assert said.startswith("rules[0].reopen_max (streamer.toml:3) renews verdicts, and rescore is never")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            'settle_ms = "15m"',
            "rules[0].settle_ms (streamer.toml:2), 15 min, must be shorter than sessions.idle_gap_ms",
        ),
        (
            'max_age_ms = "15m"',
            "rules[0].max_age_ms (streamer.toml:2) must be longer than sessions.idle_gap_ms (default)",
        ),
        ('idle_gap_ms = "5s"', "sessions.settle_ms (default), 10 s, must be shorter than rules[0].idle_gap_ms"),
        ("max_turns = 2000", "rules[0].max_turns (streamer.toml:2) must be below sessions.traces_max (default)"),
    ],
)
def test_a_rules_paces_are_held_against_each_other_and_what_it_inherits(given: Given, rule: str, said: str) -> None:
    assert given.refused(f"[[rules]]\n{rule}").startswith(said)


def test_every_change_of_a_rule_is_another_configuration_and_their_words_do_not_count_twice(given: Given) -> None:
    texts = ["", "[[rules]]\nsampling = 0.5", "[[rules]]\nsampling = 0.6", '[[rules]]\nrescore = "never"']
    assert len({given.loads(text).terms().hash for text in texts}) == 4
    one = given.loads(
        f'{JUDGES}[[rules]]\njudges = ["safety", "user_frustration"]\nalways_judge = ["thumbs_down", "error"]'
    )
    other = given.loads(
        f'{JUDGES}[[rules]]\njudges = ["user_frustration", "safety"]\nalways_judge = ["error", "thumbs_down"]'
    )
    assert one.terms().hash == other.terms().hash


def test_ingest_goes_by_the_smallest_limits_of_all_rules_and_a_rule_inherits_them(given: Given) -> None:
    settings = given.loads(
        '[sessions]\nmax_bytes = 900\n[[rules]]\nservice = "s"\nmax_turns = 7\n[[rules]]\nmax_bytes = 50'
    )
    limits = settings.limits()
    assert (limits.max_turns, limits.max_bytes) == (7, 50)
    assert [(rule.max_turns, rule.max_bytes) for rule in settings.core_rules()] == [(7, 900), (None, 50), (None, 900)]
    assert (given.loads("").limits().max_turns, given.loads("").limits().max_bytes) == (None, None)
