"""The only lasting while: one pass after another until told to stop."""

from collections.abc import Awaitable, Callable

from streamer.ports import Clock


async def run(
    step: Callable[[], Awaitable[int]], clock: Clock, stopping: Callable[[], bool], beat: Callable[[], None]
) -> None:
    """Repeat `step`, waiting as long as it says; `beat` is told after each pass."""
    while not stopping():
        wait_ms = await step()
        beat()
        await clock.sleep_ms(wait_ms)
