"""One chat with some maker's client, traced by one of several SDKs, a span with the session around each turn.

MODE names the client (anthropic, gemini, bedrock, litellm, openai) and who traces (by-…).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from common import FAILING, SESSION, SYSTEM, USER_ID, asked, conversation, mode, note, tracer_provider

HOST = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
KEY = os.environ["OPENAI_API_KEY"]
KEYS = {"session.id": SESSION, "user.id": USER_ID}


def anthropic_client() -> Callable[[list[Any]], str]:
    import anthropic

    client = anthropic.Anthropic(base_url=HOST, api_key=KEY)
    more = {"model": "claude-sonnet-4-5", "max_tokens": 100, "system": SYSTEM}

    def say(messages: list[Any]) -> str:
        if mode("stream"):
            with client.messages.stream(messages=messages, **more) as stream:
                return "".join(stream.text_stream)
        return client.messages.create(messages=messages, **more).content[0].text

    return say


def gemini_client() -> Callable[[list[Any]], str]:
    from google import genai
    from google.genai.types import Content, GenerateContentConfig, HttpOptions, Part

    client = genai.Client(api_key=KEY, http_options=HttpOptions(base_url=HOST))
    roles = {"user": "user", "assistant": "model"}

    def say(messages: list[Any]) -> str:
        contents = [Content(role=roles[m["role"]], parts=[Part(text=m["content"])]) for m in messages]
        whole = contents if mode("history") else messages[-1]["content"]
        more = {"model": "gemini-2.5-flash", "config": GenerateContentConfig(system_instruction=SYSTEM)}
        if mode("stream"):
            return "".join(c.text or "" for c in client.models.generate_content_stream(contents=whole, **more))
        return client.models.generate_content(contents=whole, **more).text

    return say


def bedrock_client() -> Callable[[list[Any]], str]:
    import boto3

    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "eu-west-1"}
    client = boto3.client("bedrock-runtime", endpoint_url=HOST, **keys)

    def say(messages: list[Any]) -> str:
        told = [{"role": m["role"], "content": [{"text": m["content"]}]} for m in messages]
        response = client.converse(modelId="amazon.nova-lite-v1:0", messages=told, system=[{"text": SYSTEM}])
        return response["output"]["message"]["content"][0]["text"]

    return say


def litellm_client() -> Callable[[list[Any]], str]:
    import litellm

    def say(messages: list[Any]) -> str:
        told = [{"role": "system", "content": SYSTEM}, *messages]
        return litellm.completion("openai/gpt-4o-mini", told, api_base=HOST + "/v1").choices[0].message.content

    return say


def set_up() -> tuple[Callable[[str], Any], Callable[[], Any]]:
    """A span around a turn, and what ends the tracing."""
    if mode("by-logfire"):
        import logfire

        logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False, scrubbing=False)
        for name in ("openai", "anthropic", "google_genai"):
            if mode(name.removeprefix("google_").replace("genai", "gemini")):
                getattr(logfire, f"instrument_{name}")()
        return (lambda text: logfire.span("turn", **KEYS)), logfire.shutdown
    if mode("by-traceloop"):
        from opentelemetry import trace
        from traceloop.sdk import Traceloop

        Traceloop.init("support-bot", api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], telemetry_enabled=False)
        Traceloop.set_association_properties({"session_id": SESSION, "user_id": USER_ID})
        tracer = trace.get_tracer("support")
        return (lambda text: tracer.start_as_current_span("turn")), trace.get_tracer_provider().shutdown
    if mode("by-mlflow"):
        import mlflow

        mlflow.set_experiment("support")
        for name in ("openai", "anthropic", "gemini", "bedrock", "litellm"):
            if mode(name):
                getattr(mlflow, name).autolog()
        return _mlflow_span, mlflow.flush_trace_async_logging
    if mode("by-openlit"):
        import openlit
        from opentelemetry import trace

        openlit.init(application_name="support-bot", disable_metrics=True)
        tracer = trace.get_tracer("support")
        return (lambda text: tracer.start_as_current_span("turn", attributes=KEYS)), _end
    if mode("by-lmnr"):
        return _laminar()
    return _instrumented()


@contextlib.contextmanager
def _mlflow_span(text: str) -> Iterator[Any]:
    import mlflow

    if mode("bare"):
        yield None
        return
    with mlflow.start_span("turn", span_type="AGENT") as span:
        span.set_attribute("session.id", SESSION)
        span.set_attribute("user.id", USER_ID)
        yield span


def _end() -> None:
    from opentelemetry import trace

    trace.get_tracer_provider().shutdown()


def _laminar() -> tuple[Callable[[str], Any], Callable[[], Any]]:
    from lmnr import Laminar

    port = int(os.environ["OTLP_PORT"])
    Laminar.initialize(project_api_key=KEY, base_url=HOST, force_http=True, http_port=port)

    @contextlib.contextmanager
    def around(text: str) -> Iterator[Any]:
        with Laminar.start_as_current_span("turn", input=text, session_id=SESSION, user_id=USER_ID) as span:
            yield span

    return around, Laminar.shutdown


def _instrumented() -> tuple[Callable[[str], Any], Callable[[], Any]]:
    """OpenTelemetry's or OpenInference's instrumentations."""
    provider = tracer_provider()
    _instrumentor().instrument(tracer_provider=provider)
    if mode("by-oi"):
        from openinference.instrumentation import using_attributes

        if mode("around"):
            return _openinference_span(provider), provider.shutdown
        return (lambda text: using_attributes(session_id=SESSION, user_id=USER_ID)), provider.shutdown
    tracer = provider.get_tracer("support")
    return (lambda text: tracer.start_as_current_span("POST /chat", attributes=KEYS)), provider.shutdown


def _openinference_span(provider: Any) -> Callable[[str], Any]:
    from openinference.instrumentation import OITracer, TraceConfig, using_attributes

    tracer = OITracer(provider.get_tracer("support"), config=TraceConfig())

    @contextlib.contextmanager
    def around(text: str) -> Iterator[Any]:
        with (
            using_attributes(session_id=SESSION, user_id=USER_ID),
            tracer.start_as_current_span("turn", openinference_span_kind="chain") as span,
        ):
            yield span

    return around


def _instrumentor() -> Any:
    if mode("by-oi"):
        if mode("anthropic"):
            from openinference.instrumentation.anthropic import AnthropicInstrumentor as Found
        elif mode("gemini"):
            from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor as Found
        elif mode("bedrock"):
            from openinference.instrumentation.bedrock import BedrockInstrumentor as Found
        else:
            from openinference.instrumentation.litellm import LiteLLMInstrumentor as Found
    elif mode("anthropic"):
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor as Found
    else:
        from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor as Found
    return Found()


around, end = set_up()
clients = {"anthropic": anthropic_client, "gemini": gemini_client, "bedrock": bedrock_client, "litellm": litellm_client}
make = next((make for name, make in clients.items() if mode(name)), None)
if make is None:
    import openai

    tell = conversation(openai.OpenAI())
else:
    say, kept = make(), []

    def tell(text: str) -> str:
        messages = kept if mode("history") else []
        messages.append({"role": "user", "content": text})
        if text == FAILING:
            note(text, None)
        answer = say(messages)
        messages.append({"role": "assistant", "content": answer})
        note(text, answer or None)
        return answer


for text in asked():
    # What each of the clients raises when it is refused is its own.
    with contextlib.suppress(Exception if text == FAILING else ()), around(text):
        tell(text)
end()
