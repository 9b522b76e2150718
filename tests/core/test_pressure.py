"""Which partitions wait for the slowest one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.core.pressure import ALIGN_SHARE, ahead

GAP_MS = 1_000


@pytest.mark.parametrize(
    ("share", "progress", "paused"),
    [
        (ALIGN_SHARE, {"a": 0, "b": 10**9}, ""),
        (0.7, {"a": 5_000, "b": 6_000, "c": 6_001}, "c"),
        (0.7, {"a": -1, "b": 6_000, "c": 6_001}, "bc"),
        (0.7, {"a": -1, "b": -1}, ""),
        (0.7, {"a": 6_000}, ""),
        (0.7, {}, ""),
    ],
)
def test_only_what_is_more_than_a_gap_ahead_while_redis_fills_up(
    share: float, progress: dict[str, int], paused: str
) -> None:
    assert ahead(share, progress, GAP_MS) == set(paused)


@given(st.floats(0, 2), st.dictionaries(st.integers(), st.integers(-1, 10**13), min_size=1), st.integers(0, 10**8))
def test_the_slowest_partition_is_never_paused(share: float, progress: dict[int, int], gap_ms: int) -> None:
    slowest, paused = min(progress.values()), ahead(share, progress, gap_ms)
    assert not {p for p, ms in progress.items() if ms == slowest} & paused
