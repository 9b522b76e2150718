"""What can be read back: rows from MLflow, answers and intents from Redis, the feed, dead letters, the model's log."""

import json
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import redis

from streamer.embedded.collector import LOG_LEVEL
from streamer.errors import PermanentError

FEED, DEAD_LETTERS = "assessments", "otlp_spans.dlq"


class Reading:
    """Reads only. `run` names the consumer group, the keys and the experiment of one demo."""

    kafka: str
    redis: str
    mlflow: str
    experiment_id: str
    run: str
    model_log: Path | None
    _began: dict[str, dict[int, int]]
    """Where each topic ended when the demo began."""

    # ------------------------------------------------------------ MLflow

    def rows(self) -> list[dict[str, Any]]:
        """Our rows on all traces of the experiment, as MLflow has them, with the trace's id."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment_id}}
        found = self._post("/api/3.0/mlflow/traces/search", {"locations": [location], "max_results": 500})
        return [
            {**row, "trace_id": trace["trace_id"]}
            for trace in found.get("traces", [])
            for row in trace.get("assessments", [])
            if "streamer.revision" in row.get("metadata", {})
        ]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.mlflow + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            raise PermanentError(f"MLflow answered {error.code} to {path}; the demo sends no credentials") from None
        except OSError as error:
            raise PermanentError(f"MLflow did not answer {path} ({getattr(error, 'reason', error)})") from None
        return answer

    # ------------------------------------------------------------ the model and Redis

    def model_calls(self) -> Counter[str]:
        """By request: how often the model was asked."""
        if self.model_log is None:
            return Counter()
        return Counter(json.loads(line)["request"] for line in self.model_log.read_text().splitlines())

    def saved_answers(self) -> int:
        """Answers of the model that have reached Redis."""
        return self._fields(f"{self.run}:*:a")

    def open_intents(self) -> int:
        """Writes to MLflow that were begun and have not ended."""
        return self._fields(f"{self.run}:*:i")

    def reads_everything(self) -> bool:
        """Ingest has joined its group and read every partition to its end."""
        with redis.Redis.from_url(self.redis) as client:
            progress = client.hvals(f"{self.run}:{{default}}:progress")
        return bool(progress) and all(int(ms) >= 0 for ms in progress)

    def _fields(self, pattern: str) -> int:
        with redis.Redis.from_url(self.redis) as client:
            return sum(client.hlen(key) for key in set(client.scan_iter(pattern, count=1_000)))

    # ------------------------------------------------------------ Kafka

    def feed(self) -> list[dict[str, Any]]:
        """Values of the feed since the demo began."""
        return [json.loads(value) for value, _ in self._records(FEED)]

    def dead_letters(self) -> list[dict[str, str]]:
        """Headers of the dead letters since the demo began."""
        return [{k: v.decode() for k, v in headers if v} for _, headers in self._records(DEAD_LETTERS)]

    def _consumer(self) -> ck.Consumer:
        return ck.Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": "demo-look",
                "fetch.wait.max.ms": 20,
                "log_level": LOG_LEVEL,
            }
        )

    def _ends(self, topic: str) -> dict[int, int]:
        consumer = self._consumer()
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ends = {p: consumer.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=10)[1] for p in partitions}
            return {p: max(0, end) for p, end in ends.items()}
        finally:
            consumer.close()

    def _records(self, topic: str) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        consumer = self._consumer()
        found: list[tuple[bytes, list[tuple[str, bytes]]]] = []
        try:
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                first = self._began[topic].get(partition, 0)
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
