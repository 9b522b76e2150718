"""The table of the fuse."""

import pytest

from streamer.core.fuse import FuseLimits
from streamer.settings import shown
from tests.settings.conftest import Given


def test_the_defaults_are_those_of_the_core_and_say_why(given: Given) -> None:
    settings = given.loads()
    assert settings.fuse.limits() == FuseLimits()
    assert all(line.reason for line in shown(settings) if line.setting.startswith("fuse."))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("share = 0", "fuse.share (streamer.toml:2) must be more than 0"),
        ("share = 1.1", "fuse.share (streamer.toml:2) must be at most 1"),
        ("share = true", "fuse.share (streamer.toml:2) must be a number, not true or false"),
        ("records_min = 0", "fuse.records_min (streamer.toml:2) must be at least 1"),
        ("records_min = 1001", "fuse.records_min (streamer.toml:2) must be at most fuse.window_records (default)"),
    ],
)
def test_what_could_never_be_is_refused(given: Given, text: str, said: str) -> None:
    assert given.refused(f"[fuse]\n{text}\n").startswith(said)
