"""Way e: the application speaks only OpenTelemetry; the Collector sends the traces to MLflow and to Kafka.

The production pattern: trace ids agree by construction, and the application knows neither MLflow nor streamer. Here it
uses streamer.instrument to name the session; `span.set_attribute("session.id", …)` does as well.

Needs: an OpenTelemetry Collector as configured in deploy/collector/config.yaml (MLflow and Kafka), and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml);
pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
Run: python examples/way_e_collector_fan_out.py
"""

import json
import os
import time
from datetime import timedelta

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from streamer import feed
from streamer.instrument import session
from streamer.instrument.otel import SessionProcessor

SESSION = f"way-e-{time.time_ns()}"
COLLECTOR = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
provider = TracerProvider()
provider.add_span_processor(SessionProcessor())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(COLLECTOR)))
tracer = provider.get_tracer("support-agent")


def agent(question: str) -> str:
    """One turn, in the words of OpenTelemetry's conventions for generative AI. Returns its trace's id in MLflow."""
    with tracer.start_as_current_span("invoke_agent support") as span:
        span.set_attribute("gen_ai.operation.name", "invoke_agent")
        span.set_attribute("gen_ai.input.messages", json.dumps([{"role": "user", "content": question}]))
        span.set_attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "content": "I am sorry."}]))
        return f"tr-{span.get_span_context().trace_id:032x}"


with session(SESSION, user_id="u-7"):
    first = agent("Where is my refund?")
    time.sleep(0.01)  # the user reads, and types: of turns in one millisecond nobody could say which is the first
    agent("Still not there. This is useless!")
provider.force_flush()
print("first trace", first)

for event in feed(since=timedelta(minutes=10)):
    if event.kind == "verdict" and event.session_id == SESSION:
        print(event.value, "on", event.first_trace_id, "because:", event.rationale)
        break
