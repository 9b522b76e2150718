"""Calls are spread over the minute."""

from streamer.core.model import ModelRequest
from streamer.loops.pacing import Paced
from tests.fakes.language_model import LanguageModel


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def now_ms(self) -> int:
        return self.now

    async def sleep_ms(self, ms: int) -> None:
        self.now += ms


async def test_no_more_calls_than_so_many_a_minute_and_an_idle_minute_is_not_saved_up() -> None:
    clock, request = (
        Clock(),
        ModelRequest(model="openai:/m", messages=({"role": "user", "content": "x"},), parameters={}),
    )
    model = Paced(LanguageModel(content="x"), clock, 60)
    begun = []
    for _ in range(3):
        await model.complete(request, 1_000)
        begun.append(clock.now)
    assert begun == [1_000, 2_000, 3_000]
    clock.now = 90_000
    for _ in range(2):
        await model.complete(request, 1_000)
        begun.append(clock.now)
    assert begun[3:] == [90_000, 91_000]
