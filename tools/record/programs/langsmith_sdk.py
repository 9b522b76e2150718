"""LangSmith over OpenTelemetry: @traceable around a wrapped OpenAI client, the session in metadata."""

import contextlib

import langsmith
import openai
from common import SESSION, TOOL_RESULT, USER_ID, asked, conversation, mode, tracer_provider
from langsmith.wrappers import wrap_openai

provider = tracer_provider()
key = "thread_id" if mode("thread") else "conversation_id" if mode("conversation") else "session_id"


@langsmith.traceable(name="lookup_order", run_type="tool")
def look_up(order_id: str) -> str:
    return TOOL_RESULT


say = conversation(wrap_openai(openai.OpenAI()), look_up)


@langsmith.traceable(name="turn")
def turn(text: str) -> str | None:
    return say(text)


for text in asked():
    with contextlib.suppress(openai.APIError):
        turn(text, langsmith_extra={"metadata": {key: SESSION, "user_id": USER_ID}})
langsmith.run_trees.get_cached_client().flush()
provider.shutdown()
