"""`streamer end-session` on a broker: what is sent is read as an end; what nobody would read is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.adapters.kafka import reader
from streamer.cli import cli
from streamer.core.wire.cut import CutRules, Cutter
from streamer.embedded import stand_ins
from streamer.errors import ConfigurationError

NO_REDIS = '[redis]\nurl = "redis://127.0.0.1:1/0"\n'


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, address = stand_ins.kafka(tmp_path_factory.mktemp("mock"), {"chats": 2, "calls": 1})
    yield address
    program.stop()


def config(tmp_path: Path, bootstrap: str, source: str = 'topics = ["chats", "calls"]') -> str:
    file = tmp_path / "streamer.toml"
    file.write_text(f'{NO_REDIS}[kafka]\nbootstrap = "{bootstrap}"\n[[sources]]\n{source}\n')
    return str(file)


def run(file: str, *words: str) -> str:
    done = CliRunner().invoke(cli, ["end-session", *words, "-c", file])
    if isinstance(done.exception, ConfigurationError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_dry_run_says_what_would_be_sent_and_what_would_come_of_it(tmp_path: Path) -> None:
    said = run(config(tmp_path, "127.0.0.1:1"), "chat-4711", "--dry-run")
    record = {"streamer": "control", "type": "session.end", "session_id": "chat-4711"}
    assert f"would be sent to chats: {json.dumps(record, separators=(',', ':'))}" in said
    assert "closes 10 s after the record (sessions.settle_ms), unless a turn comes later than that" in said
    assert "Redis does not answer" in said


def test_what_is_sent_ends_the_session_for_whoever_reads_the_topic(tmp_path: Path, bootstrap: str) -> None:
    file = config(tmp_path, bootstrap, 'topics = ["chats"]\ntenant_header = "x-tenant"')
    said = run(file, "Größe 👟", "--tenant", "acme")
    assert said.startswith("sent to chats")
    records = [r for r in reader.read({"bootstrap.servers": bootstrap}, "chats", 10, False) if r.value]
    cut = Cutter(CutRules(tenant_header="x-tenant")).cut(records[-1])
    assert [(control.tenant, control.ended, control.at_ms) for control in cut.controls] == [("acme", "Größe 👟", None)]


def test_it_goes_to_the_topic_that_is_named(tmp_path: Path, bootstrap: str) -> None:
    assert run(config(tmp_path, bootstrap), "chat-1", "--topic", "calls").startswith("sent to calls")


@pytest.mark.parametrize(
    ("source", "words", "said"),
    [
        ('topics = ["chats"]', ("c", "--source", "other"), "is not configured; known are default"),
        ('topics = ["chats"]', ("c", "--topic", "other"), "source default does not read it"),
        ('topics = ["chats"]', ("c", "--tenant", "acme"), "all of source default is of tenant default"),
        ('topics = ["chats"]', ("undefined",), "names no session"),
        ('topics = ["^chats.*"]', ("c",), "name one with --topic"),
        ('topics = ["chats"]\nencoding = "otlp_proto"', ("c",), "set its encoding to auto"),
    ],
)
def test_what_nobody_would_read_is_refused(tmp_path: Path, source: str, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run(config(tmp_path, "127.0.0.1:1", source), *words, "--dry-run")
