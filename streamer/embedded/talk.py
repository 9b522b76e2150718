"""Conversations of an agent with its users, sent over OTLP as an application's exporter would, for the tutorial.

    python -m streamer.embedded.talk --conversations 12 --angry 1 --service-version 1.0

Rule: they go to $OTEL_EXPORTER_OTLP_TRACES_ENDPOINT like anybody's spans, and end now. The same arguments never send a
conversation twice.
"""

import argparse
import os
import secrets
import sys
import time
import urllib.error
import urllib.request

from streamer.embedded.demo.refunds import Refund, exported, refund

ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streamer.embedded.talk", description="conversations over OTLP")
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--angry", type=int, default=1, help="how many of them end in anger")
    parser.add_argument("--service-version", default="1.0")
    args = parser.parse_args()
    endpoint = os.environ.get(ENDPOINT)
    if not endpoint:
        sys.exit(f"{ENDPOINT} is not set: source stand-ins.env, or name your Collector's http://…:4318/v1/traces")
    run, now_ms = secrets.token_hex(3), time.time_ns() // 1_000_000
    held: list[Refund] = []
    for n in range(args.conversations):
        said = refund(n, args.service_version, now_ms - n, angry=n < args.angry)
        held.append(said._replace(session=f"chat-{run}-{n}"))
    request = urllib.request.Request(endpoint, exported(held), {"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=60):
            print("\n".join(one.session for one in held))
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"{endpoint} did not take them: {getattr(error, 'reason', error)}")


if __name__ == "__main__":
    main()
