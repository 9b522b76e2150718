"""What every program has in common: who speaks, what is said, and a note of it for the driver.

The notes are the fixtures' expected results, so a program notes what it gave to the SDK and what came back from it.
"""

import json
import os
from typing import Any

SESSION, USER_ID = os.environ.get("SESSION", "sess-42"), "u-7"
SYSTEM = "You are the support of a shoe shop. Be brief."
ASKED = "Where is my order? Größe 👟"
THANKS = "Thanks, bye"
PICTURE = "What is in this picture?"
FAILING = "Please fail now 💥"
BOTH = "Where are my two orders?"
EXACT = (
    '  Is **A-17** "late"?\n\n```json\n{"id": 7}\n```\n',
    '{"question": "Which sizes?", "tags": ["a", "b"]}',
    '["Say", "a", "quoted", "word"]',
    '"Say a number"',
    "Say a list",
    "Say null",
    "Say a message",
)
"""Texts that look like something else; what the model answers (endpoints.py) looks like something else, too."""
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
TOOL_RESULT = "ships tomorrow, Größe 42"
TOOL = {
    "type": "function",
    "function": {
        "name": "lookup_order",
        "description": "Where an order is",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}
CALLED = {"name": "lookup_order", "arguments": {"order_id": "A-17"}, "result": TOOL_RESULT}
MODEL = "gpt-4o-mini"


def mode(name: str) -> bool:
    """MODE is a list of words that choose what a program does."""
    return name in os.environ.get("MODE", "").split()


def note(user: str, assistant: str | None, tools: tuple[dict[str, Any], ...] = (), **more: Any) -> None:
    """One turn, as it was said. `session`, `conflicts`: where the SDK chose another id."""
    said = {"user": user, "assistant": assistant, "tools": list(tools), "session": SESSION, "user_id": USER_ID}
    with open(os.environ["NOTES"], "a", encoding="utf-8") as notes:
        notes.write(json.dumps({**said, "conflicts": [], **more}) + "\n")


def document(text: str) -> None:
    """A fixture that is a document of its own."""
    with open(os.environ["NOTES"] + ".documents", "a", encoding="utf-8") as documents:
        documents.write(text.replace("\n", " ") + "\n")


def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


def ask(client: Any, messages: list[dict[str, Any]], look_up: Any = lookup_order) -> tuple[str, tuple[Any, ...]]:
    """One answer of an OpenAI client, by way of the tool or of a stream if the mode says so. Extends `messages`."""
    if mode("responses"):
        return ask_responses(client, messages, look_up)
    more: dict[str, Any] = {"tools": [TOOL]} if mode("tools") else {}
    if mode("stream"):
        more |= {"stream": True, "stream_options": {"include_usage": True}}
        chunks = client.chat.completions.create(model=MODEL, messages=messages, **more)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        messages.append({"role": "assistant", "content": text})
        return text, ()
    called: list[dict[str, Any]] = []
    while True:
        message = client.chat.completions.create(model=MODEL, messages=messages, **more).choices[0].message
        messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        if not message.tool_calls:
            return message.content, tuple(called)
        for call in message.tool_calls:
            arguments = json.loads(call.function.arguments)
            result = look_up(**arguments)
            called.append({"name": call.function.name, "arguments": arguments, "result": result})
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def ask_responses(client: Any, messages: list[dict[str, Any]], look_up: Any) -> tuple[str, tuple[Any, ...]]:
    """The same by OpenAI's Responses API."""
    more: dict[str, Any] = {"tools": [{"type": "function", **TOOL["function"]}]} if mode("tools") else {}
    called: list[dict[str, Any]] = []
    while True:
        response = client.responses.create(model=MODEL, input=list(messages), **more)
        messages.extend(item.model_dump(exclude_none=True) for item in response.output)
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text, tuple(called)
        for call in calls:
            arguments = json.loads(call.arguments)
            result = look_up(**arguments)
            called.append({"name": call.name, "arguments": arguments, "result": result})
            messages.append({"type": "function_call_output", "call_id": call.call_id, "output": result})


def conversation(client: Any, look_up: Any = lookup_order) -> Any:
    """A function that asks and notes. In the mode `history` it sends everything again, after a system prompt."""
    kept: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}] if mode("history") else []

    def turn(text: str) -> str | None:
        content: Any = text
        if text == PICTURE:
            content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PIXEL}}]
        messages = kept if mode("history") else []
        messages.append({"role": "user", "content": content})
        if text == FAILING:
            note(text, None)
            return ask(client, messages, look_up)[0]
        answer, called = ask(client, messages, look_up)
        note(text, answer or None, called, **({"picture": PIXEL.partition(",")[2]} if text == PICTURE else {}))
        return answer

    return turn


def asked() -> tuple[str, ...]:
    """The user messages, two of them mostly."""
    if mode("exact"):
        return EXACT
    if mode("empty"):
        return ASKED, "Say nothing"
    return BOTH if mode("both") else (PICTURE if mode("image") else ASKED), (FAILING if mode("fail") else THANKS)


def tracer_provider() -> Any:
    """The plain OpenTelemetry set-up: batches over OTLP/HTTP, configured by the environment."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
