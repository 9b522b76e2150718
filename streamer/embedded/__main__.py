"""Stand-ins for every service that streamer needs, for the tutorial and for trying things out.

    python -m streamer.embedded --env-file stand-ins.env     runs until Ctrl-C; the file has a line `export KAFKA=…`

Rule: nothing outlives the process, and nothing is for production: Kafka is librdkafka's mock cluster in memory, Redis
keeps nothing on disk, MLflow is on SQLite, and the model is a script.
"""

import argparse
import shlex
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from streamer.embedded import stand_ins
from streamer.embedded.collector import Collector
from streamer.embedded.program import Program, stop_all

TOPICS = {"otlp_spans": 2, "otlp_spans.dlq": 1, "assessments": 1, "assessments.dlq": 1, "alerts": 1}
STOP_S = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streamer.embedded", description="stand-ins for all services")
    parser.add_argument("--env-file", type=Path, default=Path("stand-ins.env"), help="shell lines to be sourced")
    parser.add_argument("--model-ms", type=int, default=300, help="how long the scripted model thinks")
    args = parser.parse_args()
    args.env_file.unlink(missing_ok=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    programs: list[Program] = []
    with tempfile.TemporaryDirectory(prefix="streamer-") as home:
        try:
            environment = _start(Path(home), programs, args.model_ms)
            with Collector(environment["KAFKA"], "otlp_spans", environment["MLFLOW_TRACKING_URI"]) as collector:
                environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.endpoint
                lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
                written = args.env_file.with_suffix(".new")
                written.write_text("".join(lines))
                written.replace(args.env_file)  # whoever waits for it never reads half of it
                print(
                    f"Kafka, Redis, MLflow, a Collector and a model stand in: source {args.env_file}", file=sys.stderr
                )
                stopped.wait()
        finally:
            args.env_file.unlink(missing_ok=True)
            stop_all(programs, STOP_S)


def _start(home: Path, programs: list[Program], model_ms: int) -> dict[str, str]:
    """All at once, then waited for: MLflow takes longest."""
    mlflow, mlflow_url = stand_ins.mlflow_in_one_process(home)
    programs.append(mlflow)
    mlflow.launch()
    kafka, kafka_address = stand_ins.kafka(home, TOPICS)
    programs.append(kafka)
    redis, redis_url = stand_ins.redis_server(home)
    programs.append(redis.start(lambda: stand_ins.answers(redis_url), stand_ins.START_S_MAX))
    model, model_url, _ = stand_ins.model(home, model_ms)
    programs.append(model)
    _wait(mlflow, mlflow_url)
    return {
        "KAFKA": kafka_address,
        "REDIS_URL": redis_url,
        "MLFLOW_TRACKING_URI": mlflow_url,
        "OPENAI_API_KEY": "none",
        "OPENAI_API_BASE": model_url,
        "OPENAI_BASE_URL": model_url,
    }


def _wait(mlflow: Program, url: str) -> None:
    """RuntimeError with the end of its log when it ends, or takes too long."""
    end = time.monotonic() + stand_ins.START_S_MAX
    while not stand_ins.is_healthy(url):
        mlflow.check()
        if time.monotonic() > end:
            raise RuntimeError(f"MLflow did not answer within {stand_ins.START_S_MAX} s")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
