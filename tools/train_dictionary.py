"""Trains streamer/core/wire/spans-N.dict on traces made up here, so that no real conversation is in the wheel.

    python tools/train_dictionary.py 1 streamer/core/wire/spans-1.dict

The number is the dictionary's id (1–255), which every frame names. A new dictionary gets a new number and a new file.
"""

import json
import random
import sys
from pathlib import Path

import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status

SIZE_BYTES = 32 * 1024
"""110 KiB gave nothing at level 1."""
SAMPLES = 3000

SUBJECTS = ["the order", "my invoice", "the delivery", "your app", "the account", "this refund", "the contract"]
VERBS = ["has not arrived", "was charged twice", "does not work", "is missing", "needs a change", "was cancelled"]
ENDS = ["Can you help me?", "What should I do now?", "Thank you!", "Please check it.", "I waited for days.", "Why?"]
ANSWERS = ["I am sorry to hear that.", "Let me look that up.", "It has been sent again.", "You will get an e-mail."]
MODELS = ["gpt-4o-mini", "gpt-4.1", "claude-sonnet-4-5", "gemini-2.5-flash", "llama-3.3-70b"]


def said(rng: random.Random) -> tuple[str, str]:
    """A user's words and the answer."""
    user = f"{rng.choice(SUBJECTS).capitalize()} {rng.choice(VERBS)}. {rng.choice(ENDS)}"
    return user, " ".join(rng.sample(ANSWERS, rng.randint(1, 3)))


def attributes(rng: random.Random, root: bool) -> dict[str, str | int]:
    user, answer = said(rng)
    model, session = rng.choice(MODELS), f"session-{rng.randrange(10**6)}"
    chat = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": user}]
    parts = [{"role": "user", "parts": [{"type": "text", "content": user}]}]
    usage: dict[str, str | int] = {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 40}
    dialects: list[dict[str, str | int]] = [
        {
            "mlflow.traceRequestId": json.dumps(f"tr-{rng.randbytes(16).hex()}"),
            "mlflow.spanType": '"AGENT"' if root else '"CHAT_MODEL"',
            "mlflow.spanFunctionName": '"answer"',
            "mlflow.spanInputs": json.dumps({"question": user} if root else {"model": model, "messages": chat}),
            "mlflow.spanOutputs": json.dumps(answer if root else {"choices": [{"message": {"content": answer}}]}),
            "mlflow.spanLogLevel": "10",
            "mlflow.chat.tokenUsage": '{"input_tokens": 120, "output_tokens": 40, "total_tokens": 160}',
            "session.id": session,
        },
        {
            "gen_ai.operation.name": "invoke_agent" if root else "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"chatcmpl-{rng.randrange(10**9)}",
            "gen_ai.conversation.id": session,
            "gen_ai.input.messages": json.dumps(parts),
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
            ),
            **usage,
        },
        {
            "openinference.span.kind": "AGENT" if root else "LLM",
            "input.value": user if root else json.dumps({"model": model, "messages": chat}),
            "input.mime_type": "text/plain" if root else "application/json",
            "output.value": answer,
            "output.mime_type": "text/plain",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": user,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": answer,
            "llm.model_name": model,
            "llm.token_count.prompt": 120,
            "llm.token_count.completion": 40,
            "session.id": session,
            "user.id": f"user-{rng.randrange(10**4)}",
        },
    ]
    return rng.choice(dialects)


def sample(rng: random.Random) -> bytes:
    """One fragment: a root and up to four spans below it."""
    message = ResourceSpans()
    resource = {"service.name": "support-bot", "service.version": "1.4.2", "deployment.environment.name": "production"}
    for key, text in {**resource, "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry"}.items():
        message.resource.attributes.add(key=key).value.string_value = text
    scope = message.scope_spans.add()
    scope.scope.name = rng.choice(["mlflow.tracing.provider", "opentelemetry.instrumentation.openai", "my.app"])
    trace, root, start = rng.randbytes(16), rng.randbytes(8), 1_760_000_000_000_000_000 + rng.randrange(10**16)
    for n in range(rng.randint(1, 5)):
        span = scope.spans.add(trace_id=trace, span_id=rng.randbytes(8), name="turn" if n == 0 else "chat")
        if n:
            span.parent_span_id = root
        span.start_time_unix_nano, span.end_time_unix_nano = start, start + rng.randrange(10**9)
        for key, value in attributes(rng, n == 0).items():
            if isinstance(value, int):
                span.attributes.add(key=key).value.int_value = value
            else:
                span.attributes.add(key=key).value.string_value = value
        span.status.code = Status.STATUS_CODE_OK
    return message.SerializeToString()


def main() -> None:
    number, path = int(sys.argv[1]), Path(sys.argv[2])
    rng = random.Random(number)
    dictionary = zstandard.train_dictionary(SIZE_BYTES, [sample(rng) for _ in range(SAMPLES)], dict_id=number)
    path.write_bytes(dictionary.as_bytes())


if __name__ == "__main__":
    main()
