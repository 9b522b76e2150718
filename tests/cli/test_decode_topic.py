"""`streamer decode --topic`, on librdkafka's mock broker."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest
from typer.testing import CliRunner

from streamer.cli import cli
from tests.builders import FIXTURES, otlp_record, span
from tests.services.waiting import eventually

TOPIC = "chats"


@pytest.fixture
def bootstrap(tmp_path: Path) -> Iterator[str]:
    address = tmp_path / "address"
    program = [sys.executable, "-m", "streamer.embedded.mock_broker", "--topics", f"{TOPIC}:2"]
    broker = subprocess.Popen([*program, "--address-file", str(address)])
    try:
        eventually(lambda: address.exists() and bool(address.read_text()), "the mock broker's address")
        yield address.read_text().strip()
    finally:
        broker.terminate()
        broker.wait(10)


def test_the_last_records_of_a_topic_are_read_by_the_rules_of_their_source(bootstrap: str, tmp_path: Path) -> None:
    config = tmp_path / "streamer.toml"
    config.write_text(
        f'[kafka]\nbootstrap = "{bootstrap}"\n[[sources]]\ntopics = ["^ch.*$"]\ntenant_header = "x-tenant"\n'
    )
    producer = ck.Producer({"bootstrap.servers": bootstrap, "log_level": 2})
    producer.produce(TOPIC, otlp_record(span("0a" * 16, "01" * 8, session__id="old")).value, timestamp=1_000)
    for part, name in enumerate(("edge-split-1-child.bin", "edge-split-2-root.json")):
        value = (FIXTURES / name).read_bytes()
        producer.produce(TOPIC, value, partition=part, headers=[("x-tenant", b"acme")], timestamp=2_000 + part)
    assert producer.flush(10) == 0

    result = CliRunner().invoke(cli, ["decode", "--topic", TOPIC, "--last", "2", "--json", "-c", str(config)])

    assert result.exit_code == 0, result.output
    (turn,) = json.loads(result.stdout)["turns"]
    assert (turn["session_id"], turn["spans_seen"], turn["tenant"]) == ("split", 2, "acme")
