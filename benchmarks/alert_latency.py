"""From the verdict on Kafka that raises a series to a webhook's receiver: real Kafka, Redis, one `streamer monitor`."""

import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from tests.alert_feed import verdict
from tests.e2e.alert_stage import AlertStage
from tests.services.kafka import KafkaServer
from tests.services.receiver import Receiver
from tests.services.redis import RedisServer

SERIES = 40
CONVERSATIONS = 12
WAIT_S = 20
CHANNEL = """[alerting]
secrets = {{ hook = "bench" }}
[[channels]]
name = "hook"
type = "webhook"
url = "{url}"
per_minute = 10000
[[alerts]]
judge = "user_frustration"
kind = "limit"
limit = 0.5
conversations_min = 10
"""


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-alerts-") as folder:
        home = Path(folder)
        kafka, redis, receiver = KafkaServer(home / "kafka").start(), RedisServer(home).start(), Receiver()
        stage = AlertStage(
            "bench", kafka.bootstrap, redis.url, home, lambda topic: CHANNEL.format(url=receiver.url), letters=True
        )
        try:
            stage.run("monitor")
            late = sorted(_one(stage, receiver, n) for n in range(SERIES))
        finally:
            stage.stop()
            receiver.stop()
            redis.stop()
            kafka.stop()
    return [
        Figure("verdict on Kafka to alert delivered, p95", late[int(len(late) * 0.95)], "s", 2.0),
        Figure("verdict on Kafka to alert delivered, median", late[len(late) // 2], "s", note=f"{len(late)} alerts"),
    ]


def _one(stage: AlertStage, receiver: Receiver, n: int) -> float:
    """Seconds for one series that is bad from its beginning."""
    now_ms, before = time.time_ns() // 1_000_000, len(receiver.got)
    said = {"agent": f"bot{n}", "published_at_ms": now_ms}
    values = [verdict(f"{n}-{m}", now_ms - 1_000 * m, "unresolved", **said) for m in range(CONVERSATIONS)]
    stage.publish(values)
    began = time.monotonic()
    while len(receiver.got) == before:
        if time.monotonic() - began > WAIT_S:
            raise RuntimeError(f"no alert within {WAIT_S} s{stage.logs()}")
        time.sleep(0.01)
    return time.monotonic() - began
