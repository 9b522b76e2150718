"""The table of core/alerts/episode.py."""

from streamer.core.alerts.episode import (
    ASK_MS,
    HOUR_MS,
    REOPEN_MS,
    SILENT_MS,
    Episode,
    accepted,
    muted,
    proposed,
    waited,
)
from streamer.core.alerts.proposal import Proposal

NOW_MS = 10**12


def proposal(kind: str, at_ms: int) -> Proposal:
    return Proposal(
        "raise" if kind == "raise" else "resolve", "r", "s", at_ms, at_ms - 9, 60, 18, 0.3, 0.06, (0.2, 0.4)
    )


def opened(at_ms: int = 0) -> Episode:
    episode, tell = proposed(None, proposal("raise", at_ms), "warn", NOW_MS)
    assert episode is not None
    assert tell == "raise"
    return episode


def resolved(at_ms: int = HOUR_MS) -> Episode:
    episode, tell = proposed(opened(), proposal("resolve", at_ms), "warn", NOW_MS)
    assert episode is not None
    assert (episode.state, episode.ending, tell) == ("resolved", "recovered", "resolve")
    return episode


def test_what_happened_before_changes_nothing_and_tells_nothing() -> None:
    for stands, again in ((opened(), "raise"), (resolved(), "resolve")):
        assert proposed(stands, proposal(again, HOUR_MS), "warn", NOW_MS) == (stands, None)
    assert proposed(resolved(), proposal("raise", 0), "warn", NOW_MS) == (resolved(), None), "a replay"
    assert proposed(None, proposal("resolve", 0), "warn", NOW_MS) == (None, None)


def test_a_raise_soon_after_the_resolve_is_the_same_episode() -> None:
    for after_ms, same in ((REOPEN_MS, True), (REOPEN_MS + 1, False)):
        again, tell = proposed(resolved(), proposal("raise", HOUR_MS + after_ms), "warn", NOW_MS)
        assert again is not None
        assert (again.state, tell) == ("open", "raise")
        assert (again.id == opened().id, again.raises == 2) == (same, same)


def test_an_id_is_of_rule_series_and_first_raise() -> None:
    assert opened().id == opened().id != opened(1).id


def test_a_mute_tells_nothing_and_forgets_nothing() -> None:
    stands, tell = muted(opened(), NOW_MS + 5)
    assert tell is None
    assert stands is not None
    ended, tell = proposed(stands, proposal("resolve", 9), "warn", NOW_MS + 4)
    assert (ended is not None and ended.state, tell) == ("resolved", None)
    assert proposed(stands, proposal("resolve", 9), "warn", NOW_MS + 5).tell == "resolve"
    fresh, tell = proposed(ended, proposal("raise", 9 + REOPEN_MS + 1), "warn", NOW_MS + 4)
    assert (fresh is not None and fresh.muted_until_ms, tell) == (NOW_MS + 5, None)


def test_a_new_normal_is_asked_once_and_only_taken_from_a_person() -> None:
    asked, tell = waited(opened(), ASK_MS, ASK_MS, NOW_MS)
    assert asked is not None
    assert (asked.state, tell) == ("open", "ask")
    assert waited(asked, 9 * ASK_MS, 9 * ASK_MS, NOW_MS) == (asked, None)
    assert waited(opened(), ASK_MS - 1, ASK_MS - 1, NOW_MS).tell is None
    ended, tell = accepted(asked, ASK_MS)
    assert ended is not None
    assert (ended.ending, tell) == ("new_normal", "resolve")
    assert accepted(ended, ASK_MS) == (ended, None)
    muted_one = muted(asked, NOW_MS + 5).episode
    assert muted_one is not None
    assert accepted(muted_one, ASK_MS).tell == "resolve", "an end wakes nobody"


def test_a_series_without_conversations_ends_its_episode() -> None:
    assert waited(opened(), SILENT_MS - 1, 0, NOW_MS).tell is None
    ended, tell = waited(opened(), SILENT_MS, 0, NOW_MS)
    assert ended is not None
    assert (ended.ending, tell) == ("silent", "resolve")


def test_an_episode_is_read_back_from_its_json() -> None:
    assert Episode.from_json(resolved().to_json()) == resolved()
