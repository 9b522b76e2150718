"""The storm's applications and their Collector: spans onto Kafka and into MLflow, however these are.

    python -m tests.storm.generator FOLDER   (which holds plan.json)

Rule: nothing of the project is imported here. A record counts as sent when Kafka has acknowledged it, and that is
written down; the program ends when everything has arrived on both sides.
"""

import heapq
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import confluent_kafka as ck
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.storm.plan import Turn, conversations

TICK_S = 0.05
RETRY_S = 0.5
GIVE_UP_S = 240


def spans_of(turn: Turn, began_ns: int) -> tuple[Span, Span]:
    """The agent's root span and its model call below."""
    start_ns = began_ns + int(turn.at_s * 1e9)
    root = _span(turn, 1, 0, start_ns, start_ns + 80_000_000)
    child = _span(turn, 2, 1, start_ns + 10_000_000, start_ns + 60_000_000)
    _say(root, "openinference.span.kind", "AGENT")
    _say(child, "openinference.span.kind", "LLM")
    for span in (root, child):
        _say(span, "session.id", turn.session)
        _say(span, "input.value", turn.user)
        _say(span, "output.value", f"Answer {turn.number} of {turn.session}.")
    return root, child


def _span(turn: Turn, number: int, parent: int, start_ns: int, end_ns: int) -> Span:
    name = turn.trace_id[:8]
    return Span(
        trace_id=bytes.fromhex(turn.trace_id),
        span_id=bytes.fromhex(f"{name}{number:08x}"),
        parent_span_id=bytes.fromhex(f"{name}{parent:08x}") if parent else b"",
        name="agent" if not parent else "llm",
        start_time_unix_nano=start_ns,
        end_time_unix_nano=end_ns,
    )


def _say(span: Span, key: str, value: str) -> None:
    span.attributes.add(key=key).value.string_value = value


def request_of(spans: list[Span]) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "storm"
    resource.scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


class Sender:
    """`log` has a line per acknowledged record: what it held, and when it was acknowledged."""

    def __init__(self, plan: dict[str, Any], log: Path) -> None:
        self._plan, self._log, self._lock = plan, log.open("a"), threading.Lock()
        self._producer = ck.Producer(
            {"bootstrap.servers": plan["kafka"], "enable.idempotence": True, "linger.ms": 5, "log_level": 0,
             "message.timeout.ms": GIVE_UP_S * 1000}
        )  # fmt: skip
        self._failed: list[str] = []

    def kafka(self, turns: list[tuple[Turn, str]], spans: list[Span]) -> None:
        """One record of several traces, as a Collector batches them."""
        what = [(turn.session, turn.number, part) for turn, part in turns]

        def delivered(error: ck.KafkaError | None, message: ck.Message) -> None:
            if error is not None:
                self._failed.append(str(error))
                return
            at = {"at_ms": time.time() * 1000, "record_ms": message.timestamp()[1], "held": what}
            with self._lock:
                self._log.write(json.dumps(at) + "\n")

        self._producer.produce(self._plan["topic"], request_of(spans), on_delivery=delivered)

    def poll(self) -> None:
        self._producer.poll(0)

    def finish(self) -> list[str]:
        """What did not arrive."""
        left = self._producer.flush(GIVE_UP_S)
        self._log.close()
        return [*self._failed, *(["records without an answer"] if left else [])]

    def mlflow(self, body: bytes) -> str:
        headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": self._plan["experiment"]}
        end = time.monotonic() + GIVE_UP_S
        while True:
            request = urllib.request.Request(f"{self._plan['mlflow']}/v1/traces", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=30):
                    return ""
            except OSError as error:
                if time.monotonic() > end:
                    return f"MLflow did not take a trace: {error}"
            time.sleep(RETRY_S)


Event = tuple[float, int, str, Turn]


def events(plan: dict[str, Any]) -> Iterator[Event]:
    """(when in s, tie breaker, what, turn), in order of time."""
    number, heap = 0, list[Event]()
    for conversation in conversations(plan["seed"], plan["sessions"], plan["seconds"], plan["gap_s"]):
        for turn in conversation.turns:
            at_s = turn.at_s + 0.1 + turn.late_s
            parts = [(at_s, "child"), (at_s + 0.4, "root")] if turn.split else [(at_s, "whole")]
            parts += [(when + 0.3, part) for when, part in parts] if turn.again else []
            for when, part in [*parts, (turn.at_s + 0.1 + turn.mlflow_late_s, "mlflow")]:
                number += 1
                heap.append((when, number, part, turn))
    heapq.heapify(heap)
    while heap:
        yield heapq.heappop(heap)


def send(plan: dict[str, Any], log: Path) -> list[str]:
    """Everything in its time; what did not arrive."""
    sender, began_ns = Sender(plan, log), plan["began_ns"]
    stored: list[Future[str]] = []
    with ThreadPoolExecutor(4) as pool:
        batch: list[tuple[Turn, str, list[Span]]] = []
        for at_s, _, part, turn in events(plan):
            if (wait_s := began_ns / 1e9 + at_s - time.time()) > TICK_S:
                _flush(sender, batch)
                time.sleep(wait_s)
            sender.poll()
            root, child = spans_of(turn, began_ns)
            spans = {"whole": [child, root], "child": [child], "root": [root], "mlflow": [child, root]}[part]
            if part == "mlflow":
                stored.append(pool.submit(sender.mlflow, request_of(spans)))
            else:
                batch.append((turn, part, spans))
        _flush(sender, batch)
        failed = [said for future in stored if (said := future.result())]
    return failed + sender.finish()


def _flush(sender: Sender, batch: list[tuple[Turn, str, list[Span]]]) -> None:
    if batch:
        sender.kafka([(turn, part) for turn, part, _ in batch], [span for _, _, spans in batch for span in spans])
        batch.clear()


def main() -> None:
    home = Path(sys.argv[1])
    plan = json.loads((home / "plan.json").read_text())
    failed = send(plan, home / "sent.jsonl")
    (home / "sent.json").write_text(json.dumps({"failed": failed}))


if __name__ == "__main__":
    main()
