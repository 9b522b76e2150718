"""How often and how late, by a history: right within a factor where the truth is known."""

import pytest

from streamer.core.alerts.episode import Episode
from streamer.core.alerts.expected import delay_of, false_alarms_per_day
from streamer.core.alerts.observation import observed
from streamer.core.alerts.replay import DAY_MS, Replay, Track, order_of
from streamer.core.alerts.rule import AlertRule
from tests.core.alerts.feeds import RULE, START_MS, history

LIMIT = AlertRule(
    name="limit", judge=RULE.judge, labels=RULE.labels, kind="limit", limit_share=0.15, conversations_min=20
)
VERSION = AlertRule(name="version", judge=RULE.judge, labels=RULE.labels, kind="version")


@pytest.fixture(scope="module")
def tracks() -> dict[str, Track]:
    replay = Replay((RULE, LIMIT, VERSION))
    for seen in sorted((observed(one) for one in history(16, 40)), key=order_of):
        replay.add(seen)
    replay.finish()
    return {track.rule.kind: track for track in replay.tracks.values()}


def test_a_change_is_found_as_late_as_the_benchmark_says(tracks: dict[str, Track]) -> None:
    """62 to 70 conversations at 5 %, and the minutes are those of 40 an hour."""
    delay = delay_of(tracks["spike"])
    assert delay is not None
    assert 45 < delay.conversations < 110
    assert delay.minutes == pytest.approx(delay.conversations * 1.5, rel=0.1)


def test_a_limit_that_such_a_change_never_reaches_finds_none(tracks: dict[str, Track]) -> None:
    limit = tracks["limit"]
    assert delay_of(limit) is not None
    limit.rule = AlertRule(name="l", judge=RULE.judge, labels=RULE.labels, kind="limit", limit_share=0.9)
    assert delay_of(limit) is None


def test_versions_have_a_delay_and_their_budget(tracks: dict[str, Track]) -> None:
    delay = delay_of(tracks["version"])
    assert delay is not None
    assert 50 < delay.conversations < 1_500
    assert false_alarms_per_day(tracks["version"]) == pytest.approx(40 * 24 / 300_000, rel=0.1)


def test_a_calm_history_lets_expect_few_false_alarms_and_a_restless_one_more(tracks: dict[str, Track]) -> None:
    calm = tracks["spike"]
    expected = false_alarms_per_day(calm)
    assert 0 < expected < 0.03
    calm.greatest = {day: m * (1 + day % 4 * 40) for day, m in calm.greatest.items()}
    assert false_alarms_per_day(calm) > 3 * expected


def test_days_of_an_episode_are_no_false_alarms(tracks: dict[str, Track]) -> None:
    track = tracks["spike"]
    before = false_alarms_per_day(track)
    day = START_MS // DAY_MS + 8
    track.greatest[day] = 1e9
    assert false_alarms_per_day(track) > before
    track.episodes.append(
        Episode(
            id="e",
            rule="r",
            series="s",
            severity="warn",
            state="resolved",
            raised_at_ms=day * DAY_MS + 1,
            since_ms=day * DAY_MS,
            resolved_at_ms=day * DAY_MS + 2,
        )
    )
    assert false_alarms_per_day(track) == pytest.approx(before, rel=0.5)
