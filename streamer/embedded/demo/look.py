"""What can be read back from the demo's services: every figure that is told comes from here."""

import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import redis

TOPIC, FEED = "otlp_spans", "assessments"


class Look:
    """Rows from MLflow, records from Kafka, answers from Redis, calls from the model's own log."""

    kafka: str
    redis: str
    mlflow: str
    experiment_id: str
    model_log: Path | None
    run: str
    """Prefix of streamer's keys in Redis."""
    start_of_feed: dict[int, int]

    def rows(self) -> list[dict[str, Any]]:
        """Our rows on all traces of the experiment, as MLflow has them, with the trace's time."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment_id}}
        found = self.post("/api/3.0/mlflow/traces/search", {"locations": [location], "max_results": 500})
        return [
            {**row, "trace_id": trace["trace_id"]}
            for trace in found.get("traces", [])
            for row in trace.get("assessments", [])
            if "streamer.revision" in row.get("metadata", {})
        ]

    def model_calls(self) -> Counter[str]:
        """By request: how often the model was asked."""
        if self.model_log is None:
            return Counter()
        return Counter(json.loads(line)["request"] for line in self.model_log.read_text().splitlines())

    def saved_answers(self) -> int:
        """Answers of the model that have reached Redis."""
        client = redis.Redis.from_url(self.redis)
        try:
            return sum(client.hlen(key) for key in set(client.scan_iter(f"{self.run}:*:a", count=1_000)))
        finally:
            client.close()

    def feed_ends(self) -> dict[int, int]:
        """Where the feed ends now, by partition."""
        consumer = ck.Consumer({"bootstrap.servers": self.kafka, "group.id": "demo-look"})
        try:
            partitions = consumer.list_topics(FEED, timeout=10).topics[FEED].partitions
            ends = {p: consumer.get_watermark_offsets(ck.TopicPartition(FEED, p), timeout=10)[1] for p in partitions}
            return {p: max(0, end) for p, end in ends.items()}
        finally:
            consumer.close()

    def feed(self) -> list[dict[str, Any]]:
        """Values of the feed since the demo began."""
        return [json.loads(value) for value, _ in self._records(FEED, self.start_of_feed)]

    def dead_letters(self) -> list[dict[str, str]]:
        """Headers of the dead letters."""
        return [{k: v.decode() for k, v in headers if v} for _, headers in self._records(f"{TOPIC}.dlq", {})]

    def _records(self, topic: str, start: dict[int, int]) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        consumer = ck.Consumer({"bootstrap.servers": self.kafka, "group.id": "demo-look", "fetch.wait.max.ms": 20})
        found: list[tuple[bytes, list[tuple[str, bytes]]]] = []
        try:
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                first = start.get(partition, 0)
                end = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=10)[1]
                consumer.assign([ck.TopicPartition(topic, partition, first)])
                while first < end:
                    for message in consumer.consume(100, 0.5):
                        if message.error() is None:
                            found.append((message.value(), message.headers() or []))
                            first = message.offset() + 1
        finally:
            consumer.close()
        return found

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """MLflow's answer to a request."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.mlflow + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer
