"""Way g: no Collector. The application, or a job beside it, publishes finished traces to Kafka as MLflow writes them.

The simplest whole-trace format: a record is `trace.to_json()`, and a turn is complete at once.

Needs: Kafka (KAFKA) with a topic of a [[sources]] table (KAFKA_TOPIC, else otlp_spans), MLFLOW_TRACKING_URI, and
`streamer run` at work (STREAMER_CONFIG or ./streamer.toml); pip install confluent-kafka
Run: python examples/way_g_publish_traces.py
"""

import os
import time
from datetime import timedelta

import mlflow
from confluent_kafka import Producer

from streamer import feed

SESSION = f"way-g-{time.time_ns()}"
TOPIC = os.environ.get("KAFKA_TOPIC", "otlp_spans")
producer = Producer({"bootstrap.servers": os.environ.get("KAFKA", "127.0.0.1:9092")})


@mlflow.trace(span_type="AGENT")
def agent(question: str) -> str:
    mlflow.update_current_trace(session_id=SESSION)
    return "I am sorry."


def publish(trace_id: str) -> None:
    mlflow.flush_trace_async_logging()
    producer.produce(TOPIC, mlflow.get_trace(trace_id).to_json(), key=SESSION)
    producer.flush()


published = []
for question in ("Where is my refund?", "Still not there. This is useless!"):
    agent(question)
    published.append(mlflow.get_last_active_trace_id())
    publish(published[-1])
print("first trace", published[0])

for event in feed(since=timedelta(minutes=10)):
    if event.kind == "verdict" and event.session_id == SESSION:
        print(event.value, "on", event.first_trace_id, "because:", event.rationale)
        break
