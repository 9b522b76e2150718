"""A language model that reads the transcript by the scripted model's rules, without a network."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamer.core.model import Completion, ModelRequest
from streamer.embedded.scripted_model import CHARS_PER_TOKEN, allowed_values, judged
from streamer.errors import CallFailed


class LanguageModel:
    """ports.Model for tests. Remembers what it was asked; `failures` are raised first, one a call."""

    def __init__(self, *failures: CallFailed, content: str | None = None) -> None:
        self.requests: list[ModelRequest] = []
        self.failures = list(failures)
        self.content = content
        """Said instead of an answer."""

    @asynccontextmanager
    async def room(self, request: ModelRequest) -> AsyncIterator[None]:
        yield

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
        value, rationale = judged(list(request.messages), allowed_values(request.parameters))
        content = self.content or json.dumps({"result": value, "rationale": rationale})
        return Completion(
            content=content,
            input_tokens=sum(len(m["content"]) for m in request.messages) // CHARS_PER_TOKEN,
            output_tokens=len(content) // CHARS_PER_TOKEN,
            cost_usd=0.001,
        )

    def estimate(self, request: ModelRequest) -> tuple[float | None, int]:
        return 0.001, 1_000

    async def ask(self, request: ModelRequest) -> Completion:
        """The model as a judge sees it."""
        return await self.complete(request, 60_000)
