"""Clock: wall time in ms that moves on, also over a sleep."""

from streamer.adapters.system_clock import SystemClock


async def test_time_does_not_go_back_over_a_sleep_and_a_negative_sleep_is_none() -> None:
    clock = SystemClock()
    before_ms = clock.now_ms()
    await clock.sleep_ms(2)
    await clock.sleep_ms(-5)
    assert clock.now_ms() > before_ms


def test_time_is_in_ms_since_the_epoch() -> None:
    year_2020_ms, year_2100_ms = 1_577_836_800_000, 4_102_444_800_000
    assert year_2020_ms < SystemClock().now_ms() < year_2100_ms
