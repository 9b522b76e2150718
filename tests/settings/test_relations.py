"""Limits that contradict each other are a sentence: one below, exactly at, one above."""

from pathlib import Path

import pytest

from streamer.embedded.demo.stage import CONFIG
from streamer.settings import load
from tests.settings.conftest import Given

ROOT = Path(__file__).parent.parent.parent


def sessions(**values: object) -> str:
    return "[sessions]\n" + "\n".join(f"{key} = {value}" for key, value in values.items()) + "\n"


SHORT = {"idle_gap_ms": 1_000, "settle_ms": 100}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"trace_timeout_ms": 999}, "trace_timeout_ms"),
        ({"trace_timeout_ms": 2_000, "parked_ms": 1_999}, "parked_ms"),
        ({"late_ms": 5_000, "return_ms": 4_999}, "return_ms"),
        ({"settle_ms": 1_000}, "settle_ms"),
        ({"max_age_ms": 1_000}, "max_age_ms"),
        ({"trace_wait_ms": 3_600_000}, "trace_wait_ms"),
        ({"late_ms": -1}, "late_ms"),
        ({"idle_gap_ms": 0}, "idle_gap_ms"),
        ({"idle_gap_ms": '"0s"'}, "idle_gap_ms"),
        ({"idle_gap_ms": "true"}, "idle_gap_ms"),
        ({"idle_gap_ms": '"1e300d"'}, "idle_gap_ms"),
        ({"return_ms": '"36501d"'}, "return_ms"),
    ],
)
def test_a_contradiction_names_the_setting_and_where_it_is(given: Given, values: dict[str, object], key: str) -> None:
    said = given.refused(sessions(**{**SHORT, **values}))
    assert said.split("\n")[0].startswith(f"sessions.{key} (streamer.toml:")


@pytest.mark.parametrize(
    "values",
    [
        {"trace_timeout_ms": 1_000},
        {"trace_timeout_ms": 2_000, "parked_ms": 2_000},
        {"late_ms": 5_000, "return_ms": 5_000},
        {"late_ms": 0},
        {"settle_ms": 999},
        {"max_age_ms": 1_001},
        {"trace_wait_ms": 3_599_999},
        {"clock_skew_ms_max": 5_000},
    ],
)
def test_at_the_limit_it_is_allowed(given: Given, values: dict[str, object]) -> None:
    given.loads(sessions(**{**SHORT, **values}))


def test_every_rules_gap_is_held_against_the_limits(given: Given) -> None:
    rules = '[[rules]]\nagent = "a"\nidle_gap_ms = "1m"\n[[rules]]\nidle_gap_ms = "2h"\n'
    said = given.refused(rules)
    assert "sessions.trace_timeout_ms (default) must be at least rules[1].idle_gap_ms (streamer.toml:5): " in said
    assert "rules[0]" not in said
    given.loads(rules + sessions(trace_timeout_ms='"2h"', parked_ms='"2h"'))
    assert "rules[1].idle_gap_ms" in given.refused(rules.replace("2h", "25h"))


def test_all_contradictions_are_told_at_once(given: Given) -> None:
    assert len(given.refused(sessions(idle_gap_ms=1_000, return_ms=1)).split("\n")) == 2


@pytest.mark.parametrize("amount", ["inf", "-inf", "nan", '"inf"', "1e400"])
def test_there_is_no_unlimited_spending(given: Given, amount: str) -> None:
    said = given.refused(f"[spending]\nusd_per_day = {amount}")
    assert said.startswith("spending.usd_per_day (streamer.toml:2) must be a finite number: the limit cannot be")


def test_spending_nothing_is_allowed_and_more_than_redis_can_count_is_not(given: Given) -> None:
    assert given.loads("[spending]\nusd_per_day = 0\ntokens_per_day = 0").spending.usd_per_day == 0
    said = given.refused("[spending]\nusd_per_day = 1e10\ntokens_per_day = true")
    assert said.split("\n") == [
        "spending.usd_per_day (streamer.toml:2) must be at most 1000000000.0",
        "spending.tokens_per_day (streamer.toml:3) must be a number, not true or false",
    ]


def test_the_example_and_the_demo_are_valid(given: Given) -> None:
    assert load(ROOT / "streamer.example.toml", {}).origin("kafka.group") == "streamer.example.toml:6"
    words = {word: word for word in ("kafka", "group", "topic", "prefix", "feed")}
    services = {"redis": "redis://r/0", "mlflow": "http://m:5000", "model": "openai:/gpt-4.1-mini"}
    settings = given.loads(CONFIG.format(**words, **services, gap=3_000))
    assert settings.limits().gap_ms_min == 3_000
