"""Langfuse: @observe, its OpenAI wrapper, and the session by propagate_attributes or (SDK 3) update_current_trace."""

import contextlib
import os

import langfuse
import openai
from common import SESSION, TOOL_RESULT, USER_ID, asked, conversation, mode

client = langfuse.Langfuse(public_key="pk-1", secret_key="sk-1", host=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])


@langfuse.observe(name="lookup_order", as_type="tool")
def look_up(order_id: str) -> str:
    return TOOL_RESULT


if mode("manual"):
    say = conversation(openai.OpenAI(), look_up)
else:
    from langfuse.openai import OpenAI

    say = conversation(OpenAI(), look_up)


@langfuse.observe(name="turn")
def turn(text: str) -> str | None:
    if mode("update"):
        client.update_current_trace(session_id=SESSION, user_id=USER_ID, input=text)
        return say(text)
    if mode("inside"):
        with langfuse.propagate_attributes(session_id=SESSION, user_id=USER_ID):
            return say(text)
    return say(text)


def manual(text: str) -> None:
    """Without decorators: the application gives input and output itself."""
    with client.start_as_current_observation(name="turn", as_type="span", input=text) as span:
        with client.start_as_current_observation(name="model", as_type="generation", model="gpt-4o-mini") as generation:
            messages = [{"role": "user", "content": text}]
            answer = say(text)
            generation.update(input=messages, output={"role": "assistant", "content": answer})
        span.update(output=answer)


for text in asked():
    around = contextlib.nullcontext()
    if not (mode("inside") or mode("update") or mode("none")):
        around = langfuse.propagate_attributes(session_id=SESSION, user_id=USER_ID)
    with contextlib.suppress(openai.APIError), around:
        (manual if mode("manual") else say if mode("bare") else turn)(text)
client.flush()
client.shutdown()
