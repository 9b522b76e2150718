"""Way d: MLflow and OpenTelemetry share one tracer provider of the application's: every span names the session.

For applications that use OpenTelemetry already, and whose libraries do.

Needs: an OpenTelemetry Collector with a Kafka exporter (deploy/collector), MLFLOW_TRACKING_URI, and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml);
pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
Run: python examples/way_d_own_provider.py
"""

import os
import time
from datetime import timedelta

COLLECTOR = os.environ.pop("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
os.environ["MLFLOW_USE_DEFAULT_TRACER_PROVIDER"] = "false"  # MLflow uses OpenTelemetry's global provider

import mlflow  # reads the environment above
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from streamer import feed
from streamer.instrument import session
from streamer.instrument.otel import SessionProcessor

SESSION = f"way-d-{time.time_ns()}"
provider = TracerProvider()
provider.add_span_processor(SessionProcessor())  # before the exporter's
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(COLLECTOR)))
trace.set_tracer_provider(provider)


@mlflow.trace(span_type="AGENT")
def agent(question: str) -> str:
    with trace.get_tracer("a library").start_as_current_span("look_up"):  # OpenTelemetry's own span, in the same trace
        return "I am sorry."


with session(SESSION, user_id="u-7"):
    agent("Where is my refund?")
    first = mlflow.get_last_active_trace_id()
    time.sleep(0.01)  # the user reads, and types: of turns in one millisecond nobody could say which is the first
    agent("Still not there. This is useless!")
mlflow.flush_trace_async_logging()
provider.force_flush()
print("first trace", first)

for event in feed(since=timedelta(minutes=10)):
    if event.kind == "verdict" and event.session_id == SESSION:
        print(event.value, "on", event.first_trace_id, "because:", event.rationale)
        break
