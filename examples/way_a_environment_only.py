"""Way a: an application traced by MLflow stays as it is; its environment sends the traces to Kafka, too.

For one process per conversation (a command-line agent, a worker, a notebook): MLflow's OTLP export does not carry the
session that the application names, so the process' resource does.

Needs: an OpenTelemetry Collector with a Kafka exporter (deploy/collector), MLFLOW_TRACKING_URI, and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml); its [[sources]] table has
session_fallbacks = ["resource:session.id"].
Run: python examples/way_a_environment_only.py
"""

import os
import time
from datetime import timedelta

SESSION = f"way-a-{time.time_ns()}"
# What an operator sets for the process, here where you can see it.
os.environ.setdefault("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT"] = "true"  # otherwise OTLP replaces MLflow's own store
os.environ["OTEL_RESOURCE_ATTRIBUTES"] = f"session.id={SESSION}"

import mlflow  # reads the environment above


@mlflow.trace(span_type="AGENT")
def agent(question: str) -> str:
    mlflow.update_current_trace(session_id=SESSION)  # MLflow groups by this
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
