"""An alert in words: what a person reads at three in the morning is true of that moment."""

from dataclasses import replace

import pytest

from streamer.core.alerts.notice import Notice, trial_notice
from streamer.core.alerts.series import SeriesKey
from streamer.core.alerts.wording import inert, lines, title

MINUTE_MS = 60_000
RAISED: Notice = replace(
    trial_notice(0),
    kind="raise",
    series=str(SeriesKey("default", "refund-bot", None, "user_frustration", "v1")),
    since_ms=60 * MINUTE_MS,
    raised_at_ms=70 * MINUTE_MS,
    share=0.67,
    baseline=0.11,
    interval=(0.35, 0.88),
    conversations=9,
    hits=6,
)


def test_a_raise_says_share_counts_and_since_when() -> None:
    assert title(RAISED) == "warn: refund-bot · user_frustration: 67% instead of 11%"
    assert lines(RAISED)[0] == "6 of 9 conversations (35% to 88%) since 01:00 UTC; noticed after 10 min."


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("recovered", "it was 67% instead of 11%"),
        ("new_normal", "accepted as the new normal"),
        ("silent", "no conversations any more"),
    ],
)
def test_a_resolve_says_how_it_ended_and_how_long_it_was(ending: str, said: str) -> None:
    """The figures are those of the raise, and it says so."""
    over = replace(RAISED, kind="resolve", ending=ending, resolved_at_ms=150 * MINUTE_MS)
    assert title(over) == f"resolved: refund-bot · user_frustration, {said}"
    assert lines(over)[0] == "From 01:00 UTC to 02:30 UTC, 1.5 h; raised at 6 of 9 conversations (35% to 88%)."


@pytest.mark.parametrize(
    "call", ["@here", "@jane", "<!channel>", "<@U123>", "https://evil.example", "www.evil.example"]
)
def test_nothing_that_was_said_calls_or_links(call: str) -> None:
    assert call not in inert(f"see {call} now")


def test_an_address_in_it_stays_readable() -> None:
    assert inert("write to jane@shop.example") == "write to jane@shop.example"
