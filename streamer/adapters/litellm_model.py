"""One call to a language model through litellm: a deadline, no hidden retry, errors by kind, tokens and cost.

Rule: an error's detail names its class and status, never what was asked: providers repeat prompts in their messages.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import Any

from streamer.core.model import Completion, ModelRequest, canonical
from streamer.core.retry import RETRY_AFTER_MS_MAX
from streamer.core.verdict import FailureKind
from streamer.core.wire.values import encodable
from streamer.errors import CallFailed, ConfigurationError
from streamer.quiet import hush

CHARS_PER_TOKEN = 3
"""An estimate that errs upwards for English (about 4) and other Latin scripts; a tokenizer costs 100 times the CPU."""
OUTPUT_TOKENS_MAX = 1_000
"""A verdict and its rationale: MLflow's judges answer in 50 to 400 tokens."""
TOKENS_MAX = 1_000_000_000
"""No call is larger; a provider that says so is wrong."""
UNREACHABLE = ("endpoints", "databricks", "gateway")


class _ResponseFormatRefused(Exception):
    """The model knows no structured output."""


class LitellmModel:
    """Model. `concurrency` calls at once to one provider."""

    def __init__(self, concurrency: int = 8) -> None:
        litellm = _imported()
        import aiohttp
        import httpx
        import openai

        litellm.suppress_debug_info = True
        self._litellm: Any = litellm
        # The first completion imports for seconds; no session should wait for that.
        litellm.completion(model="openai/warm-up", messages=[{"role": "user", "content": "-"}], mock_response="-")
        _ = openai.AsyncOpenAI(api_key="-").chat.completions
        self._named = _named(litellm)
        self._answered = (
            openai.APIStatusError,
            openai.APIConnectionError,
            httpx.HTTPError,
            aiohttp.ClientError,
            OSError,
        )
        self._room: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(concurrency))
        self._plain: set[str] = set()

    @asynccontextmanager
    async def room(self, request: ModelRequest) -> AsyncIterator[None]:
        async with self._room[litellm_name(request.model).split("/")[0]]:
            yield

    async def complete(self, request: ModelRequest, deadline_ms: int) -> Completion:
        """A model that refuses `response_format` is asked once more without, and from then on never with it."""
        name, parameters = litellm_name(request.model), dict(request.parameters)
        if name in self._plain:
            parameters.pop("response_format", None)
        try:
            return await self._call(name, request, parameters, deadline_ms)
        except _ResponseFormatRefused:
            self._plain.add(name)
            del parameters["response_format"]
            return await self._call(name, request, parameters, deadline_ms)

    def estimate(self, request: ModelRequest) -> tuple[float | None, int]:
        asked = len(canonical(request.messages)) // CHARS_PER_TOKEN
        answered = int(request.parameters.get("max_tokens") or OUTPUT_TOKENS_MAX)
        return self._price(litellm_name(request.model), asked, answered), asked + answered

    async def _call(self, name: str, request: ModelRequest, parameters: dict[str, Any], deadline_ms: int) -> Completion:
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                reply = await self._litellm.acompletion(
                    model=name,
                    messages=list(request.messages),
                    timeout=deadline_ms / 1000,
                    num_retries=0,
                    max_retries=0,
                    **parameters,
                )
        except Exception as error:  # noqa: BLE001 – litellm's own code raises whatever it meets
            if "response_format" in parameters and _names_response_format(error):
                raise _ResponseFormatRefused from None
            # Not `from error`: its message may hold the prompt, and a traceback would print it.
            raise self._failed(error, request) from None
        return self._completion(name, reply)

    def _completion(self, name: str, reply: Any) -> Completion:  # noqa: ANN401 – litellm's ModelResponse
        usage = getattr(reply, "usage", None)
        asked, answered = (_tokens(usage, side) for side in ("prompt_tokens", "completion_tokens"))
        content = reply.choices[0].message.content if reply.choices else None
        completion = Completion(
            content=encodable(content or ""),
            input_tokens=asked,
            output_tokens=answered,
            cost_usd=self._price(name, asked, answered),
        )
        if not reply.choices:
            raise CallFailed("unavailable", "a reply without a choice", billed=completion)
        if not content:  # also what a reasoning model that came to max_tokens leaves
            raise CallFailed("refused", f"finish_reason {reply.choices[0].finish_reason}", billed=completion)
        return completion

    def _price(self, name: str, asked: int, answered: int) -> float | None:
        known = self._litellm.model_cost.get(name) or self._litellm.model_cost.get(name.split("/", 1)[-1])
        if not known or "input_cost_per_token" not in known:
            return None
        return float(asked * known["input_cost_per_token"] + answered * (known.get("output_cost_per_token") or 0.0))

    def _failed(self, error: BaseException, request: ModelRequest) -> CallFailed:
        status = getattr(error, "status_code", None)
        named = (kind for cls, kind in self._named.items() if isinstance(error, cls))
        kind = (
            KIND_OF_CODE.get(_code_of(error))
            or next(named, None)
            or _kind_of(status if isinstance(status, int) else 500)
        )
        billed = None
        if kind == "unavailable" and not _reports(error, self._answered):  # a reply that litellm could not read
            usd, tokens = self.estimate(request)
            billed = Completion(content="", input_tokens=tokens, output_tokens=0, cost_usd=usd)
        said = f"{type(error).__name__} {status or ''}".strip()
        return CallFailed(kind, said, _retry_after_ms(error), billed=billed)


def _reports(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Did it begin as one of these? litellm's own errors all look like a provider's, also those about its reading."""
    seen: BaseException | None = error.__context__
    while seen is not None and not isinstance(seen, kinds):
        seen = seen.__context__
    return seen is not None


def _tokens(usage: Any, side: str) -> int:  # noqa: ANN401 – litellm's Usage, or whatever the provider sent
    """What a provider says it used, within what can be counted."""
    told = getattr(usage, side, 0)
    return min(max(int(told), 0), TOKENS_MAX) if isinstance(told, int | float) and math.isfinite(told) else 0


def _imported() -> Any:  # noqa: ANN401 – the module litellm, which has no types
    """Importing it takes seconds, and it calls home unless told not to."""
    hush()
    import litellm

    return litellm


def missing_keys(model: str) -> list[str]:
    """Environment variables that the model's provider needs and that are not set, as far as litellm knows them.
    ConfigurationError for a model that cannot be called."""
    check_provider(model)
    name = litellm_name(model)
    said = _imported().validate_environment(model=name)
    return [] if said.get("keys_in_environment") else [str(key) for key in said.get("missing_keys", ())]


def litellm_name(uri: str) -> str:
    """`openai:/gpt-4.1-mini` as MLflow spells it, `openai/gpt-4.1-mini` as litellm does."""
    provider, found, model = uri.partition(":/")
    if not found or not model.strip("/"):
        raise ConfigurationError(f"model {uri!r} is not spelled <provider>:/<model>, as in openai:/gpt-4.1-mini")
    if provider in UNREACHABLE:
        raise ConfigurationError(
            f"model {uri!r} goes through a gateway of its own; name the provider behind it, as in openai:/gpt-4.1-mini"
        )
    return f"{provider}/{model.lstrip('/')}"


def check_provider(uri: str) -> None:
    """ConfigurationError for a model of a provider that litellm does not know."""
    provider = litellm_name(uri).partition("/")[0]
    known = sorted(str(getattr(name, "value", name)) for name in _imported().provider_list)
    if provider not in known:
        near = get_close_matches(provider, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ", as in openai:/gpt-4.1-mini"
        raise ConfigurationError(f"model {uri!r}: no provider is called {provider!r}{hint}")


def _named(litellm: Any) -> dict[type[BaseException], FailureKind]:  # noqa: ANN401
    """Errors that say more than their status. All of litellm's errors are openai.OpenAIError."""
    return {
        TimeoutError: "timeout",
        litellm.Timeout: "timeout",
        litellm.APIConnectionError: "unavailable",
        litellm.ContextWindowExceededError: "context_too_long",
        litellm.ContentPolicyViolationError: "refused",
    }


KIND_OF_CODE: dict[str, FailureKind] = {
    "content_policy_violation": "refused",
    "content_filter": "refused",
    "context_length_exceeded": "context_too_long",
}
"""OpenAI's own codes come first: which of them litellm gives a class of its own changes with its version."""

KIND_OF_STATUS: dict[int, FailureKind] = {
    401: "authentication",
    403: "authentication",
    408: "timeout",
    429: "rate_limited",
    504: "timeout",
}


def _code_of(error: BaseException) -> str:
    body = getattr(error, "body", None)
    return str(body.get("code")) if isinstance(body, dict) else ""


def _kind_of(status: int) -> FailureKind:
    return KIND_OF_STATUS.get(status) or ("bad_request" if 400 <= status < 500 else "unavailable")


def _names_response_format(error: BaseException) -> bool:
    """Providers have no code for it (MLflow's own adapters read the message too)."""
    said = str(error).lower()
    return getattr(error, "status_code", None) == 400 and ("response_format" in said or "json_schema" in said)


def _retry_after_ms(error: BaseException) -> int | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(
        error, "litellm_response_headers", None
    )
    raw = headers.get("retry-after") if headers else None
    try:
        return min(max(int(float(raw) * 1000), 0), RETRY_AFTER_MS_MAX) if raw else None
    except (ValueError, OverflowError):
        return None  # an HTTP date: the doubling pauses of our own do
