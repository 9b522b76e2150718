"""A language model over a real OpenAI-compatible endpoint: the call, its errors by kind, its cost, its connections."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streamer.adapters.litellm_model import LitellmModel
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.transcript import Transcript
from streamer.core.turn import Turn
from streamer.core.verdict import FailureKind, Verdict
from streamer.embedded.scripted_model import ScriptedModel, serve
from streamer.errors import CallFailed, ConfigurationError
from tests.services.process import free_port

SECRET = "my card number is 1234"
DEADLINE_MS = 30_000


@dataclass(frozen=True)
class Endpoint:
    scripted: ScriptedModel
    url: str
    log: Path

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    log = tmp_path / "calls.jsonl"
    scripted = ScriptedModel(log, latency_ms=0)
    server = serve(scripted, 0)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    monkeypatch.setenv("OPENAI_API_BASE", url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    yield Endpoint(scripted, url, log)
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def model() -> LitellmModel:
    return LitellmModel()


def request(model: str = "openai:/gpt-4.1-mini", **parameters: Any) -> ModelRequest:
    said = ({"role": "system", "content": "Judge."}, {"role": "user", "content": SECRET})
    return ModelRequest(model=model, messages=said, parameters=parameters)


def structured() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"result": {"type": "string", "enum": ["pass", "fail"]}}}
    return {"type": "json_schema", "json_schema": {"name": "Answer", "schema": schema}}


async def failure(model: LitellmModel, asked: ModelRequest, deadline_ms: int = DEADLINE_MS) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await model.complete(asked, deadline_ms)
    return caught.value


async def test_an_answer_comes_with_tokens_and_cost(endpoint: Endpoint, model: LitellmModel) -> None:
    answer = await model.complete(request(), DEADLINE_MS)
    assert json.loads(answer.content)["result"] == "yes"
    assert (answer.input_tokens, answer.output_tokens) == (len("Judge." + SECRET) // 4, len(answer.content) // 4)
    per_input, per_output = 0.4e-6, 1.6e-6  # USD a token of gpt-4.1-mini, https://openai.com/api/pricing
    assert answer.cost_usd == pytest.approx(answer.input_tokens * per_input + answer.output_tokens * per_output)


async def test_an_unknown_price_is_none(endpoint: Endpoint, model: LitellmModel) -> None:
    asked = request("openai:/our-own-model")
    assert (await model.complete(asked, DEADLINE_MS)).cost_usd is None
    assert model.estimate(asked)[0] is None


async def test_an_estimate_is_not_below_what_the_call_costs(endpoint: Endpoint, model: LitellmModel) -> None:
    usd, tokens = model.estimate(request())
    answer = await model.complete(request(), DEADLINE_MS)
    assert usd is not None
    assert answer.cost_usd is not None
    assert usd >= answer.cost_usd
    assert tokens >= answer.input_tokens + answer.output_tokens


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, {}, "bad_request"),
        (
            400,
            {"message": "This model's maximum context length is 8 tokens", "code": "context_length_exceeded"},
            "context_too_long",
        ),
        (400, {"message": "content management policy", "code": "content_policy_violation"}, "refused"),
        (401, {}, "authentication"),
        (403, {}, "authentication"),
        (404, {}, "bad_request"),
        (408, {}, "timeout"),
        (413, {}, "bad_request"),
        (422, {}, "bad_request"),
        (429, {}, "rate_limited"),
        (500, {}, "unavailable"),
        (502, {}, "unavailable"),
        (503, {}, "unavailable"),
        (504, {}, "timeout"),
        (529, {}, "unavailable"),
    ],
)
async def test_a_status_is_a_kind_of_failure_after_one_call(
    endpoint: Endpoint, model: LitellmModel, status: int, said: dict[str, str], kind: FailureKind
) -> None:
    endpoint.scripted.order({"status": status, **said})
    failed = await failure(model, request())
    assert failed.kind == kind
    assert len(endpoint.calls()) == 1


async def test_a_failure_repeats_neither_what_was_asked_nor_the_key(endpoint: Endpoint, model: LitellmModel) -> None:
    endpoint.scripted.order({"status": 400, "message": f"cannot answer: {SECRET}, key sk-very-secret"})
    failed = await failure(model, request())
    assert failed.detail == "BadRequestError 400"
    assert SECRET not in str(failed)


async def test_retry_after_is_heard(endpoint: Endpoint, model: LitellmModel) -> None:
    endpoint.scripted.order({"status": 429, "retry_after": 7})
    assert (await failure(model, request())).retry_after_ms == 7_000


@pytest.mark.parametrize("seconds", ["1795759712", "1e300", "86400000"])
async def test_a_retry_after_of_years_is_believed_for_an_hour(
    endpoint: Endpoint, model: LitellmModel, seconds: str
) -> None:
    endpoint.scripted.order({"status": 429, "retry_after": seconds})
    assert (await failure(model, request())).retry_after_ms == 3_600_000


async def test_a_slow_answer_is_a_timeout(endpoint: Endpoint, model: LitellmModel) -> None:
    endpoint.scripted.order({"latency_ms": 1_000})
    assert (await failure(model, request(), deadline_ms=50)).kind == "timeout"


async def test_nobody_there_is_unavailable(model: LitellmModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{free_port()}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert (await failure(model, request())).kind == "unavailable"


async def test_a_reply_without_a_choice_is_unavailable(endpoint: Endpoint, model: LitellmModel) -> None:
    endpoint.scripted.order({"reply": {"id": "x", "object": "chat.completion", "choices": []}})
    assert (await failure(model, request())).kind == "unavailable"


async def test_a_model_that_says_nothing_refused(endpoint: Endpoint, model: LitellmModel) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot"}
    choice = {"index": 0, "finish_reason": "content_filter", "message": message}
    usage = {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}
    endpoint.scripted.order({"reply": {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}})
    assert (await failure(model, request())).kind == "refused"


@pytest.mark.parametrize("choices", [0, 1])
async def test_a_reply_that_nobody_can_use_is_billed(endpoint: Endpoint, model: LitellmModel, choices: int) -> None:
    """As a reasoning model that spent max_tokens on thinking."""
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": ""}}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 1_000, "total_tokens": 2_000}
    reply = {"id": "x", "object": "chat.completion", "choices": [choice] * choices, "usage": usage}
    endpoint.scripted.order({"reply": reply})
    billed = (await failure(model, request())).billed
    assert billed is not None
    assert billed.cost_usd == pytest.approx(1_000 * 0.4e-6 + 1_000 * 1.6e-6)


@pytest.mark.parametrize("reply", [[], {"id": 1, "choices": [{"index": 0, "message": {"content": ["x"]}}]}])
async def test_a_reply_that_cannot_be_read_is_taken_as_billed(
    endpoint: Endpoint, model: LitellmModel, reply: object
) -> None:
    endpoint.scripted.order({"reply": reply})
    failed = await failure(model, request())
    assert failed.kind == "unavailable"
    assert failed.billed is not None
    assert failed.billed.cost_usd == model.estimate(request())[0]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_providers_own_error_is_not_billed(endpoint: Endpoint, model: LitellmModel, status: int) -> None:
    endpoint.scripted.order({"status": status})
    assert (await failure(model, request())).billed is None


async def test_a_provider_that_is_down_is_not_billed(monkeypatch: pytest.MonkeyPatch, model: LitellmModel) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{free_port()}/v1")
    failed = await failure(model, request())
    assert (failed.kind, failed.billed) == ("unavailable", None)


async def test_a_refused_response_format_is_left_out_and_remembered(endpoint: Endpoint, model: LitellmModel) -> None:
    asked = request(response_format=structured())
    endpoint.scripted.order({"status": 400, "message": "unknown parameter: response_format", "times": 1})
    await model.complete(asked, DEADLINE_MS)
    await model.complete(asked, DEADLINE_MS)
    assert [call["structured"] for call in endpoint.calls()] == [True, False, False]


async def test_one_models_refusal_is_not_anothers(endpoint: Endpoint, model: LitellmModel) -> None:
    endpoint.scripted.order({"status": 400, "message": "unknown parameter: response_format", "times": 1})
    await model.complete(request("openai:/old", response_format=structured()), DEADLINE_MS)
    await model.complete(request("openai:/new", response_format=structured()), DEADLINE_MS)
    assert [call["structured"] for call in endpoint.calls()] == [True, False, True]


async def test_calls_one_after_another_share_a_connection(endpoint: Endpoint, model: LitellmModel) -> None:
    for _ in range(10):
        await model.complete(request(), DEADLINE_MS)
    assert len({call["connection"] for call in endpoint.calls()}) == 1


async def test_no_more_calls_at_once_than_the_provider_gets(endpoint: Endpoint) -> None:
    model = LitellmModel(concurrency=2)
    endpoint.scripted.order({"latency_ms": 20})

    async def call() -> None:
        async with model.room(request()):
            await model.complete(request(), DEADLINE_MS)

    await asyncio.gather(*(call() for _ in range(8)))
    assert len({call["connection"] for call in endpoint.calls()}) == 2


@pytest.mark.parametrize("uri", ["gateway:/my-endpoint", "endpoints:/x", "databricks", "gpt-4", "openai:/"])
def test_a_model_that_cannot_be_called_is_a_configuration_error(model: LitellmModel, uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"openai:/gpt-4\.1-mini"):
        model.estimate(request(uri))


async def test_a_judge_reads_the_transcript_through_the_endpoint(endpoint: Endpoint, model: LitellmModel) -> None:
    judges = MlflowJudges(1)
    turn = Turn(trace_id="1" * 32, version=1, start_ns=1, end_ns=2, user="This is useless", assistant="Sorry")
    said = Transcript(session_id="s", turns=(turn,), hash="h")
    judge = JudgeSpec(type="user_frustration", name="user_frustration", model="openai:/gpt-4.1-mini")

    async def ask(asked: ModelRequest) -> Completion:
        return await model.complete(asked, DEADLINE_MS)

    verdict = await judges.judge(judge, said, None, ask)
    judges.close()
    assert isinstance(verdict, Verdict)
    assert verdict.value == "unresolved"
    assert [call["model"] for call in endpoint.calls()] == ["gpt-4.1-mini"]
