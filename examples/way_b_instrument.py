"""Way b: streamer.instrument names the session on every span, in MLflow and on Kafka. The one to begin with.

Works with autologging, async code, threads (streamer.instrument.carrying) and web servers
(streamer.instrument.asgi.SessionMiddleware).

Needs: an OpenTelemetry Collector with a Kafka exporter (deploy/collector), MLFLOW_TRACKING_URI, and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml).
Run: python examples/way_b_instrument.py
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

os.environ.setdefault("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT"] = "true"  # otherwise OTLP replaces MLflow's own store

import mlflow  # reads the environment above

from streamer import feed
from streamer.instrument import carrying, end_session, session

SESSION = f"way-b-{time.time_ns()}"


@mlflow.trace(span_type="RETRIEVER")
def look_up(question: str) -> str:
    return f"an article about {question}"


@session(lambda chat_id, question: chat_id, user_id="u-7")
@mlflow.trace(span_type="AGENT")
def agent(chat_id: str, question: str) -> str:
    with ThreadPoolExecutor() as pool:
        list(carrying(pool).map(look_up, [question]))
    if "useless" in question:
        end_session()  # the agent hands over to a person: no quiet gap is waited for
    return "I am sorry."


agent(SESSION, "Where is my refund?")
first = mlflow.get_last_active_trace_id()
time.sleep(0.01)  # the user reads, and types: of turns in one millisecond nobody could say which is the first
agent(SESSION, "Still not there. This is useless!")
mlflow.flush_trace_async_logging()
print("first trace", first)

for event in feed(since=timedelta(minutes=10)):
    if event.kind == "verdict" and event.session_id == SESSION:
        print(event.value, "on", event.first_trace_id, "because:", event.rationale)
        break
