"""`streamer try`: from record values to a verdict, with nothing but a model."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli import cli
from streamer.embedded.scripted_model import ScriptedModel, serve
from streamer.errors import ConfigurationError
from tests.builders import FIXTURES, otlp_record, span

ANGRY = "This is useless, I asked three times!"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A scripted model; the path is its log."""
    log = tmp_path / "calls.jsonl"
    server = serve(ScriptedModel(log, latency_ms=0), 0)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    yield log
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def angry(tmp_path: Path) -> Path:
    """One record: a turn of an angry user."""
    turn = span(
        "1" * 32,
        "1" * 16,
        session__id="s-1",
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps([{"role": "user", "content": ANGRY}]),
        gen_ai__output__messages=json.dumps([{"role": "assistant", "content": "I am sorry."}]),
    )
    file = tmp_path / "record.bin"
    file.write_bytes(otlp_record(turn).value or b"")
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["try", *map(str, arguments)], catch_exceptions=True)


def test_a_session_in_a_file_is_judged(model: Path, angry: Path) -> None:
    result = run(angry, "--json")

    [session] = json.loads(result.stdout)["sessions"]
    assert session["session_id"] == "s-1"
    assert session["first_trace_id"] == "tr-" + "1" * 32
    assert session["turns"] == 1
    assert session["transcript"] == [{"role": "user", "text": ANGRY}, {"role": "assistant", "text": "I am sorry."}]
    [judgement] = session["judgements"]
    assert judgement["judge"] == "user_frustration"
    assert judgement["verdict"]["value"] == "unresolved"
    assert ANGRY in judgement["verdict"]["rationale"]
    assert (judgement["requests"], len(model.read_text().splitlines())) == (1, 1)
    assert judgement["tokens"]["input"] > 0
    assert judgement["cost_usd"] > 0


def test_without_a_model_the_request_is_shown_and_not_sent(model: Path, angry: Path) -> None:
    result = run(angry, "--no-model", "--json", "--judge", "conversation_completeness")

    [judgement] = json.loads(result.stdout)["sessions"][0]["judgements"]
    assert any(ANGRY in message["content"] for request in judgement["requests"] for message in request["messages"])
    assert "verdict" not in judgement
    assert not model.exists() or not model.read_text()


def test_what_people_read(model: Path, angry: Path) -> None:
    printed = run(angry).stdout

    assert f"user  {ANGRY}" in printed
    assert "user_frustration: unresolved" in printed
    assert "1 calls" in printed


def test_a_missing_key_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, angry: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    error = run(angry).exception
    assert isinstance(error, ConfigurationError)
    assert all(way in str(error) for way in ("export OPENAI_API_KEY", "--model", "--no-model"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((FIXTURES / "mlflow-dual-00.bin",), "no session"),
        ((FIXTURES / "nowhere.bin",), "cannot be read"),
        ((FIXTURES / "langfuse-00.bin", "--judge", "mood"), "no judge 'mood'"),
    ],
)
def test_nothing_to_judge_says_why(arguments: tuple[str | Path, ...], said: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, ConfigurationError)
    assert said in str(error)
