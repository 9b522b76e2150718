"""The way from a judge's thread, through litellm, to the event loop's `ask`.

Rule: MLflow reaches a model through litellm, and a custom litellm provider named `streamer` hands each request over, in
the judge's own thread. What stops a call is a BaseException, so that neither litellm nor MLflow asks again or turns it
into something else: one request is one `ask`.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from streamer.core.model import Completion, ModelRequest
from streamer.core.verdict import Usage
from streamer.errors import CallFailed
from streamer.ports import Ask

MODEL = "streamer:/judge"
"""What judges are told to use, in MLflow's spelling; which model is really asked stands in the judgement."""

_here = threading.local()


class Stopped(BaseException):
    """Passes through litellm and MLflow untouched."""


class Judgement:
    """One run of a judge, as its thread and the event loop share it."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None, ask: Ask | None, model: str) -> None:
        """Without a loop, the first model call stops it."""
        self._loop, self._ask, self._model = loop, ask, model
        self.usage = Usage()
        self.failure: CallFailed | None = None
        self.broken: BaseException | None = None
        """What `ask` raised against its contract. It is the caller's, not the judge's."""
        self.cancelled = False

    def run(self, judge: Callable[[], Any]) -> Any:  # noqa: ANN401 – MLflow's Feedback
        """In the judge's thread: run it, its model calls belonging to this judgement. Raises Stopped."""
        _here.judgement = self
        try:
            return judge()
        finally:
            _here.judgement = None

    def complete(self, messages: list[dict[str, Any]], parameters: dict[str, Any]) -> Completion:
        """In the judge's thread: ask, and wait for the answer."""
        if self.cancelled or self._loop is None or self._ask is None:
            raise Stopped
        said = tuple({"role": str(m["role"]), "content": str(m["content"])} for m in messages)
        request = ModelRequest(model=self._model, messages=said, parameters=parameters)
        try:
            answer = asyncio.run_coroutine_threadsafe(_asking(self._ask, request), self._loop).result()
        except CallFailed as failure:
            self.failure = failure
            if failure.billed is not None:
                self.usage = self.usage.plus(failure.billed.usage)
            raise Stopped from failure
        except BaseException as error:  # carried past litellm, which would ask again, and raised by judge()
            self.broken = error
            raise Stopped from error
        self.usage = self.usage.plus(answer.usage)
        return answer


async def _asking(ask: Ask, request: ModelRequest) -> Completion:
    return await ask(request)


def register_provider() -> None:
    """Tell litellm of the provider `streamer`. Repeatable."""
    import litellm
    from litellm.utils import custom_llm_setup

    class Provider(litellm.CustomLLM):  # type: ignore[misc]
        def completion(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401 – litellm's signature
            judgement: Judgement = _here.judgement
            asked = {k: v for k, v in (given.get("optional_params") or {}).items() if k != "max_retries"}
            answer = judgement.complete(given["messages"], asked)
            reply = given["model_response"]
            reply.choices[0].message.content = answer.content
            tokens = answer.input_tokens + answer.output_tokens
            reply.usage = litellm.Usage(
                prompt_tokens=answer.input_tokens, completion_tokens=answer.output_tokens, total_tokens=tokens
            )
            return reply

    litellm.suppress_debug_info = True
    others = [entry for entry in litellm.custom_provider_map if entry["provider"] != "streamer"]
    litellm.custom_provider_map = [*others, {"provider": "streamer", "custom_handler": Provider()}]
    custom_llm_setup()
