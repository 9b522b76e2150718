"""The absolute limit, and a new version against its neighbours."""

import random

from streamer.core.alerts.beside import BesideWatch
from streamer.core.alerts.limit import LimitWatch
from streamer.core.alerts.proposal import Proposal
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey

SERIES = SeriesKey("t", "bot", "1", "j", "v")
LIMIT = AlertRule(
    name="r", judge="j", labels=("x",), kind="limit", limit_share=0.2, conversations_min=10, window_ms=60_000
)
VERSION = AlertRule(name="v", judge="j", labels=("x",), kind="version")


def limited(hits: list[bool], every_ms: int = 1_000) -> list[tuple[str, int]]:
    watch = LimitWatch()
    said: list[tuple[str, int]] = []
    for n, hit in enumerate(hits):
        if (proposal := watch.step(LIMIT, SERIES, n * every_ms, hit)) is not None:
            said.append((proposal.kind, n))
            watch = LimitWatch.from_json(watch.to_json())
    return said


def test_a_limit_is_raised_at_it_and_resolved_well_below() -> None:
    assert limited([False] * 8 + [True] + [False]) == []
    assert limited([False] * 8 + [True, True]) == [("raise", 9)]
    """2 of 13 are below 80 % of the limit, 2 of 12 are not."""
    assert limited([False] * 8 + [True, True] + [False] * 3) == [("raise", 9), ("resolve", 12)]


def test_too_few_conversations_say_nothing() -> None:
    assert limited([True] * 9) == []
    assert limited([True] * 50, every_ms=7_000) == [], "only nine are in the window at once"


def test_a_window_forgets() -> None:
    assert limited([True] * 5 + [False] * 100) == [("raise", 9), ("resolve", 31)]
    late = LimitWatch()
    for n in range(20):
        late.step(LIMIT, SERIES, 600_000 + n, False)
    late.step(LIMIT, SERIES, 1, True)
    assert late.total == [20, 0], "older than the window"


def beside(share_of_new: list[tuple[int, float]], bad: float, n: int, seed: int = 1) -> list[Proposal]:
    """`share_of_new` says until which conversation the new version has which part of the traffic."""
    rng, watch, said = random.Random(seed), BesideWatch(), []
    for i in range(n):
        is_new = rng.random() < next(share for until, share in share_of_new if i < until)
        series = SERIES._replace(version="2" if is_new else "1")
        proposal = watch.step(VERSION, series, i * 20_000, rng.random() < (bad if is_new else 0.06))
        said += [proposal] if proposal else []
    return said


def test_a_worse_version_is_raised_by_name_and_resolved_when_it_is_taken_back() -> None:
    raised, resolved = beside([(300, 0), (3_000, 0.1), (10**6, 0)], 0.25, 5_000)
    assert (raised.kind, resolved.kind) == ("raise", "resolve")
    assert SeriesKey.read(raised.series).version == SeriesKey.read(resolved.series).version == "2"
    assert raised.conversations < 300
    assert raised.share > 2 * raised.baseline


def test_a_roll_out_of_an_equal_version_is_no_news() -> None:
    for seed in range(4):
        assert beside([(300, 0), (1_500, 0.1), (4_000, 0.5), (6_000, 0.9), (10**6, 1.0)], 0.06, 8_000, seed) == []


def test_what_hits_both_is_no_news() -> None:
    rng, watch = random.Random(2), BesideWatch()
    for i in range(6_000):
        series = SERIES._replace(version=rng.choice(("1", "2")))
        assert watch.step(VERSION, series, i * 20_000, rng.random() < (0.05 if i < 3_000 else 0.4)) is None


def test_a_conversation_without_a_version_is_none_of_any() -> None:
    watch = BesideWatch()
    assert watch.step(VERSION, SERIES._replace(version=""), 0, True) is None
    assert watch == BesideWatch()
