"""A chat engine and a function agent of LlamaIndex, traced by OpenInference, Traceloop or MLflow."""

import asyncio
import contextlib
import os

from common import ASKED, CALLED, MODEL, SESSION, SYSTEM, TOOL_RESULT, USER_ID, asked, mode, note, tracer_provider
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.workflow import Context
from llama_index.llms.openai_like import OpenAILike

around = contextlib.nullcontext
if mode("by-traceloop"):
    from opentelemetry import trace
    from traceloop.sdk import Traceloop

    Traceloop.init("support-bot", api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], telemetry_enabled=False)
    Traceloop.set_association_properties({"session_id": SESSION, "user_id": USER_ID})
    end = trace.get_tracer_provider().shutdown
elif mode("by-mlflow"):
    import mlflow

    mlflow.set_experiment("support")
    mlflow.llama_index.autolog()
    end = mlflow.flush_trace_async_logging
else:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    provider = tracer_provider()
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    end = provider.shutdown

    def around():
        return using_attributes(session_id=SESSION, user_id=USER_ID)


def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


llm = OpenAILike(
    MODEL, api_base=os.environ["OPENAI_BASE_URL"], api_key="none", is_chat_model=True, is_function_calling_model=True
)


async def agent() -> None:
    helper = FunctionAgent(tools=[lookup_order], llm=llm, system_prompt=SYSTEM, name="support", streaming=False)
    context = Context(helper)
    for text in asked():
        with around():
            answer = str(await helper.run(text, ctx=context))
        note(text, answer, (CALLED,) if text == ASKED else ())


if mode("tools"):
    asyncio.run(agent())
else:
    engine = SimpleChatEngine.from_defaults(llm=llm, system_prompt=SYSTEM)
    for text in asked():
        with around():
            answer = "".join(engine.stream_chat(text).response_gen) if mode("stream") else str(engine.chat(text))
        note(text, answer)
end()
