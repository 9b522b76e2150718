"""How LangChain and LangGraph are traced by one of several SDKs, and the tool that they are given."""

import os
from typing import Any

from common import TOOL_RESULT, mode
from langchain_core.tools import tool


@tool
def lookup_order(order_id: str) -> str:
    """Where an order is"""
    return TOOL_RESULT


def set_up() -> Any:
    """Sets the tracing up. Returns what ends it."""
    if mode("langsmith"):
        import langsmith

        return langsmith.Client().flush
    if mode("mlflow"):
        import mlflow

        mlflow.set_experiment("support")
        mlflow.langchain.autolog()
        return mlflow.flush_trace_async_logging
    if mode("langfuse"):
        import langfuse

        endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
        return langfuse.Langfuse(public_key="pk-1", secret_key="sk-1", host=endpoint).shutdown
    if mode("traceloop"):
        from opentelemetry import trace
        from traceloop.sdk import Traceloop

        endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
        Traceloop.init(app_name="support-bot", api_endpoint=endpoint, telemetry_enabled=False)
        return trace.get_tracer_provider().shutdown
    from common import tracer_provider

    if mode("genai"):
        from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
    else:
        from openinference.instrumentation.langchain import LangChainInstrumentor

    provider = tracer_provider()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return provider.shutdown
