"""A model that is called at most so often."""

from contextlib import AbstractAsyncContextManager

from streamer.core.model import Completion, ModelRequest
from streamer.ports import Clock, Model


class Paced:
    """ports.Model. Calls are spread evenly; an answer that is found saved takes no place."""

    def __init__(self, model: Model, clock: Clock, per_minute: int) -> None:
        self._model, self._clock, self._apart_ms = model, clock, 60_000 / per_minute
        self._next_ms = 0.0

    def room(self, request: ModelRequest) -> AbstractAsyncContextManager[None]:
        return self._model.room(request)

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        now_ms = self._clock.now_ms()
        begins_ms = max(self._next_ms, now_ms)
        self._next_ms = begins_ms + self._apart_ms
        if begins_ms > now_ms:
            await self._clock.sleep_ms(round(begins_ms - now_ms))
        return await self._model.complete(request, deadline_ms)

    def estimate(self, request: ModelRequest) -> tuple[float | None, int]:
        return self._model.estimate(request)
