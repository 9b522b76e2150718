"""Client CPU per span of ingest against the same work on quixstreams 3.28.1, both from a real Kafka.

The same work: records are cut into fragments, each goes to its session, and is kept. We keep it in Redis; quixstreams
sends it through a topic keyed by session and keeps it in RocksDB with a changelog.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import confluent_kafka as ck

from benchmarks.corpus import records
from benchmarks.figure import Figure
from streamer.core.wire.cut import CutRules, Cutter
from tests.services.kafka import KafkaServer, create_topics
from tests.services.redis import RedisServer

RECORDS = 600
PACKAGES = ("quixstreams==3.28.1", "protobuf", "stringzilla", "xxhash", "zstandard")
ROOT = Path(__file__).parent.parent


def run() -> list[Figure]:
    home = Path(tempfile.mkdtemp(prefix="bench-quix-"))
    kafka, redis = KafkaServer(home / "kafka").start(), RedisServer(home).start()
    try:
        create_topics(kafka.bootstrap, {"bench": 4})
        spans = _produce(kafka.bootstrap)
        command = [sys.executable, "-m", "benchmarks.ingest_program", kafka.bootstrap, "bench", str(RECORDS)]
        ours = _cpu([*command, redis.url])
        program = str(ROOT / "benchmarks" / "quixstreams_program.py")
        peer = _cpu([_python(), program, kafka.bootstrap, "bench", str(home / "state")])
    finally:
        kafka.stop()
        redis.stop()
        shutil.rmtree(home, ignore_errors=True)
    return [
        Figure("ingest from Kafka, CPU against quixstreams", ours / peer, "x", 0.5, note=f"{spans} spans"),
        Figure("  streamer", ours / spans * 1e6, "µs/span"),
        Figure("  quixstreams", peer / spans * 1e6, "µs/span"),
    ]


def _produce(bootstrap: str) -> int:
    """Spans on the topic."""
    producer = ck.Producer({"bootstrap.servers": bootstrap, "compression.type": "zstd"})
    cutter, spans = Cutter(CutRules()), 0
    for record in records(RECORDS):
        spans += cutter.cut(record).spans
        producer.produce("bench", record.value, partition=record.partition)
    producer.flush(30)
    return spans


def _cpu(command: list[str]) -> float:
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith("cpu "):
            return float(line.split()[1])
    raise RuntimeError(f"{command[1]} told no figure:\n{done.stderr[-3000:]}")


def _python() -> str:
    """quixstreams asks for an older confluent-kafka than ours: it gets an environment in the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamer-tests" / "quixstreams-3.28.1"
    python = home / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES], check=True)
    return str(python)
