"""Way c: one line in the traced function, and nothing of streamer in the application.

Needs: an OpenTelemetry Collector with a Kafka exporter (deploy/collector), MLFLOW_TRACKING_URI, and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml).
Run: python examples/way_c_one_line.py
"""

import os
import time
from datetime import timedelta

os.environ.setdefault("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT"] = "true"  # otherwise OTLP replaces MLflow's own store

import mlflow  # reads the environment above

SESSION = f"way-c-{time.time_ns()}"


@mlflow.trace(span_type="AGENT")
def agent(question: str) -> str:
    mlflow.get_current_active_span().set_attribute("session.id", SESSION)  # what goes over OTLP
    mlflow.update_current_trace(session_id=SESSION)  # what MLflow groups by
    return "I am sorry."


agent("Where is my refund?")
first = mlflow.get_last_active_trace_id()
time.sleep(0.01)  # the user reads, and types: of turns in one millisecond nobody could say which is the first
agent("Still not there. This is useless!")
mlflow.flush_trace_async_logging()
print("first trace", first)

from streamer import feed

for event in feed(since=timedelta(minutes=10)):
    if event.kind == "verdict" and event.session_id == SESSION:
        print(event.value, "on", event.first_trace_id, "because:", event.rationale)
        break
