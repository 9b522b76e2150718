"""Figures of `streamer status` say their unit."""

import pytest

from streamer.cli.figures import readable


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("due_for_ms_max", 90_000, "1.5 min"),
        ("watermark_age_ms.default", 1_500, "1.5 s"),
        ("oldest_quiet_ms", 1_700_000_000_000, "2023-11-14 22:13:20"),
        ("memory_used_bytes", 2_000_000, "2 MB"),
        ("memory_max_bytes", 0, "–"),
        ("spent_usd_today", 0.000012, "$0.000012"),
        ("lag_records.default", None, "–"),
        ("paused", False, "no"),
        ("due", 1_020, "1,020"),
    ],
)
def test_a_figure_is_read_by_the_unit_in_its_name(name: str, value: object, said: str) -> None:
    assert readable(name, value) == said
