"""A stand-in for the OpenTelemetry Collector: OTLP over HTTP in, Kafka and MLflow out, one after the other.

Only for the demo and tests: no batching, no queue, no retry. Production uses deploy/collector/config.yaml.
"""

import gzip
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from confluent_kafka import Producer

LOG_LEVEL = 0
"""librdkafka says on stderr that a broker has left; here it leaves because the demo ends."""


class Collector:
    """Serves `/v1/traces` on a free loopback port while the `with` block runs."""

    def __init__(self, bootstrap: str, topic: str, tracking_uri: str, experiment_id: str = "0") -> None:
        self._topic, self._tracking_uri = topic, tracking_uri
        self.experiment_id = experiment_id
        quick = {"compression.type": "zstd", "linger.ms": 5, "log_level": LOG_LEVEL}
        self._producer = Producer({"bootstrap.servers": bootstrap, **quick})
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
                status = collector.export(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def export(self, request: bytes) -> int:
        """One ExportTraceServiceRequest to both sides; the HTTP status for the client."""
        self.produce(request)
        headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": self.experiment_id}
        forward = urllib.request.Request(f"{self._tracking_uri}/v1/traces", request, headers)
        try:
            with urllib.request.urlopen(forward, timeout=30):
                return 200
        except (urllib.error.URLError, OSError):
            return 503

    def produce(self, value: bytes) -> None:
        """One record as the Collector's Kafka exporter writes it: no key, no headers."""
        self._producer.produce(self._topic, value)
        self._producer.flush(10)

    def __enter__(self) -> "Collector":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._producer.flush(5)
