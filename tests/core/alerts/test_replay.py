"""Histories with a known truth through the default rule: one episode for each incident, and none for anything else."""

import random
from typing import Any

import pytest

from streamer.core.alerts.observation import observed
from streamer.core.alerts.replay import Replay
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.core.ids import Scope, session_key
from streamer.core.sampling import draw
from tests.core.alerts.feeds import RULE, Record, history, hours_of, replayed, verdict

DAYS = 10
SPIKE = (210.0, 216.0, 5.5)
"""Hours since the start, of 240; from 10 to 16 h."""


def one_episode(records: list[Record], *rules: AlertRule, by: float = 6.0) -> Any:
    episodes = replayed(records, *rules)
    assert len(episodes) == 1
    raised, _ = hours_of(episodes[0])
    assert SPIKE[0] <= raised <= SPIKE[0] + by
    return episodes[0]


def test_a_spike_is_raised_within_the_incident_and_resolved_after_it() -> None:
    episode = one_episode(history(DAYS, 50, spikes=[SPIKE]), by=4)
    _, resolved = hours_of(episode)
    assert resolved is not None
    assert SPIKE[1] <= resolved <= SPIKE[1] + 12
    assert episode.interval[0] > episode.baseline
    assert 10 <= episode.conversations <= 300


def test_a_usual_history_raises_nobody() -> None:
    assert replayed(history(DAYS, 50)) == []


def test_only_the_series_that_spikes_is_raised() -> None:
    def of(agent: str, tenant: str) -> Any:
        return lambda record, _: {**record, "agent": agent, "session": {**record["session"], "tenant": tenant}}

    records = history(DAYS, 50, spikes=[SPIKE], change=of("refunds", "a"))
    records += history(DAYS, 50, seed=2, first=10**6, change=of("refunds", "b"))
    records += history(DAYS, 50, seed=3, first=2 * 10**6, change=of("orders", "a"))
    assert SeriesKey.read(one_episode(records).series)[:2] == ("a", "refunds")


def test_what_is_no_first_verdict_changes_nothing() -> None:
    """Judged again, published again, backfill, failures, retractions, closings, in any order of lines."""
    records, noise, rng = history(DAYS, 25, spikes=[SPIKE]), [], random.Random(3)
    for n, record in enumerate(records[::3]):
        again = {**record, "token": record["token"] + 1, "published_at_ms": record["published_at_ms"] + 9_000_000}
        noise += [
            {**again, "revision": 2, "supersedes": 1, "value": "unresolved"},
            again,
            verdict(10**6 + n, record["session"]["end_ms"], "unresolved", origin="backfill"),
            {k: v for k, v in {**record, "kind": "failure", "failure": {"kind": "refused"}}.items() if k != "value"},
            {**record, "kind": "closing", "judges": []},
            {**record, "kind": "retracted"},
        ]
    everything = records + noise
    rng.shuffle(everything)
    assert replayed(everything) == replayed(records) != []


def test_a_release_alone_is_no_news_and_hides_none() -> None:
    def released(record: Record, hour: float) -> Record:
        return {**record, "service_version": "1" if hour < 208 else "2"}

    assert replayed(history(DAYS, 50, change=released)) == []
    assert SeriesKey.read(one_episode(history(DAYS, 50, spikes=[SPIKE], change=released)).series).version is None


def test_a_worse_version_is_named_though_it_has_little_of_the_traffic() -> None:
    rng = random.Random(5)

    def canary(record: Record, hour: float) -> Record:
        if SPIKE[0] <= hour < SPIKE[1] and rng.random() < 0.15:
            value = "unresolved" if rng.random() < 0.3 else "none"
            return {**record, "service_version": "2", "value": value}
        return {**record, "service_version": "1"}

    episode = one_episode(history(DAYS, 150, change=canary))
    assert SeriesKey.read(episode.series).version == "2"
    _, resolved = hours_of(episode)
    assert resolved is not None, "the version is gone, and so is its episode"
    assert resolved <= SPIKE[1] + 3


def test_a_stricter_judge_is_no_news_and_a_spike_soon_after_it_is() -> None:
    rng = random.Random(5)

    def stricter(record: Record, hour: float) -> Record:
        if hour < 190:
            return record
        strict = "unresolved" if rng.random() < 0.04 else record["value"]
        return {**record, "judge_version": "ba9876543210", "value": strict}

    assert replayed(history(DAYS, 50, change=stricter)) == []
    one_episode(history(DAYS, 50, spikes=[SPIKE], change=stricter))


def test_sessions_that_are_always_judged_count_only_where_the_sample_has_them() -> None:
    """A burst of them from outside the sample, all frustrated, is not what the sample says."""
    share = 0.3

    def sampled(record: Record, hour: float) -> Record:
        return {**record, "inclusion": {"probability": share, "reason": "sample", "rule": "default"}}

    burst = [
        verdict(n, int(490_211 * 3_600_000 + n), "unresolved", inclusion={"probability": 1.0, "reason": "error"})
        for n in range(10**6, 10**6 + 400)
        if draw(session_key(Scope("default", "default"), f"s{n}")) >= share
    ]
    usual = history(DAYS, 50, change=sampled)
    assert len(burst) > 200
    assert replayed(usual + burst) == []
    inside = [
        verdict(n, int(490_211 * 3_600_000 + n), "unresolved", inclusion={"probability": 1.0, "reason": "error"})
        for n in range(10**6, 10**6 + 400)
        if draw(session_key(Scope("default", "default"), f"s{n}")) < share
    ]
    assert len(replayed(usual + inside)) == 1


@pytest.mark.parametrize(
    ("value", "other", "labels"), [(False, True, ("false",)), (2.0, 5, ("2",)), ("No", "yes", ("no",))]
)
def test_values_are_compared_as_text(value: object, other: object, labels: tuple[str, ...]) -> None:
    def judged(record: Record, _: float) -> Record:
        return {**record, "judge": "mine", "value": value if record["value"] == "unresolved" else other}

    rule = AlertRule(name="r", judge="mine", labels=labels)
    one_episode(history(DAYS, 50, spikes=[SPIKE], change=judged), rule)


def test_a_change_that_stays_is_an_open_episode_and_never_assumed_to_be_usual() -> None:
    episode = one_episode(history(DAYS + 4, 60, spikes=[(SPIKE[0], 10**6, 4.75)]))
    assert episode.state == "open"


def test_a_series_that_falls_silent_takes_its_episode_with_it() -> None:
    records = history(9.2, 60, spikes=[(SPIKE[0], 10**6, 4.75)])
    quiet = history(DAYS + 3, 20, seed=9, first=10**6, change=lambda record, _: {**record, "agent": "other"})
    episode = one_episode(records + quiet)
    assert (episode.state, episode.ending) == ("resolved", "silent")


def test_an_episode_goes_on_under_the_judge_s_next_version() -> None:
    def judged(record: Record, hour: float) -> Record:
        return {**record, "judge_version": "next"} if hour >= SPIKE[0] + 4 else record

    episode = one_episode(history(DAYS, 60, spikes=[(SPIKE[0], 10**6, 4.75)], change=judged))
    assert (episode.state, episode.ending) == ("open", "")


def test_a_series_that_comes_back_from_silence_as_bad_is_raised_again() -> None:
    """As `streamer notify` does: while others talk it is silent, and what it says then is news."""

    def unless_away(record: Record, hour: float) -> Record:
        return {**record, "agent": "other"} if 9.2 * 24 <= hour < 12 * 24 else record

    records = history(DAYS + 6, 60, spikes=[(SPIKE[0], 10**6, 4.75)], change=unless_away)
    mine = [one for one in replayed(records) if "other" not in one.series]
    assert [(one.state, one.ending) for one in mine] == [("resolved", "silent"), ("open", "")]


def test_one_wrong_clock_does_not_move_the_time_of_a_series() -> None:
    records = history(DAYS, 50, spikes=[SPIKE])
    for n, year_ms in enumerate((1, 4_000_000_000_000)):
        records.append(verdict(10**6 + n, records[1000]["session"]["end_ms"], session={"end_ms": year_ms}))
    one_episode(records)


def test_a_judges_refusals_can_count() -> None:
    def refusing(record: Record, _: float) -> Record:
        if record["value"] == "none":
            return record
        return {k: v for k, v in {**record, "kind": "failure", "revision": 0}.items() if k != "value"} | {
            "failure": {"kind": "refused", "detail": "declined"}
        }

    records = history(DAYS, 50, spikes=[SPIKE], change=refusing)
    assert replayed(records) == []
    one_episode(records, AlertRule(name="r", judge=RULE.judge, labels=RULE.labels, refusals=True))


def test_rules_do_not_disturb_each_other() -> None:
    records = history(DAYS, 50, spikes=[SPIKE])
    other = AlertRule(name="b", judge=RULE.judge, labels=RULE.labels, kind="limit", limit_share=0.15)
    alone = replayed(records), replayed(records, other)
    both = replayed(records, RULE, other)
    assert [one for one in both if one.rule == "spike"] == alone[0]
    assert [one for one in both if one.rule == "b"] == alone[1]


def test_a_session_is_known_again_and_no_longer_than_needed() -> None:
    replay = Replay((RULE,))
    first = observed(verdict(1, 490_000 * 3_600_000))
    for _ in range(3):
        replay.add(first)
    assert replay.repeated == 2
    for hour in range(100):
        replay.add(observed(verdict(2 + hour, (490_000 + hour) * 3_600_000)))
    assert len(replay._known) <= 51
