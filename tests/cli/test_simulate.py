"""`streamer simulate` refuses what is wrong before anything is imported or paid."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.app.simulating_agent import adapted
from streamer.cli import cli
from streamer.errors import ConfigurationError


def answer(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"]


async def kindly(input: list[dict[str, str]], tone: str, **more: object) -> str:
    return f"{tone} {input[-1]['content']} {sorted(more)}"


def without(question: str) -> str:
    return question


NUMBER = 7


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "cases.toml"
    file.write_text('[[cases]]\ngoal = "get a refund"\n')
    return file


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--agent", "answer"], "is not module:function"),
        (["--agent", "no_such_module:answer"], "No module named 'no_such_module'"),
        (["--agent", "tests.cli.test_simulate:nothing"], "has no attribute 'nothing'"),
        (["--agent", "tests.cli.test_simulate:NUMBER"], "cannot be called"),
        (["--agent", "tests.cli.test_simulate:without"], "neither `messages` nor `input`"),
        (["--agent", "tests.cli.test_simulate:answer", "--judges", "mood"], "no judge 'mood'"),
        (["--agent", "tests.cli.test_simulate:answer", "--fail-under", "mood=1"], "no judge 'mood' in this run"),
        (["--agent", "tests.cli.test_simulate:answer", "--local", "--through-kafka"], "take one of them"),
    ],
)
def test_what_is_wrong_is_said(cases: Path, words: list[str], said: str) -> None:
    error = CliRunner().invoke(cli, ["simulate", "--cases", str(cases), *words]).exception
    assert isinstance(error, ConfigurationError)
    assert said in str(error)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.jsonl", '{"goal": "x"}\nnone', "Expecting value"),
        ("c.yaml", "a: [", "while parsing"),
        ("c.toml", 'goal = "x"', "no list of cases"),
        ("c.json", '[{"goal": ""}]', "case 1 has no goal"),
        ("c.txt", "x", ".txt ending"),
        ("nowhere/c.jsonl", None, "cannot be read"),
    ],
)
def test_a_file_that_holds_no_cases_is_said(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    words = ["simulate", "--cases", str(tmp_path / name), "--agent", "tests.cli.test_simulate:answer"]
    error = CliRunner().invoke(cli, words).exception
    assert isinstance(error, ConfigurationError)
    assert said in str(error)


def test_an_agent_gets_what_it_takes() -> None:
    messages = [{"role": "user", "content": "hello"}]
    assert adapted(answer)(messages, mlflow_session_id="s", tone="kind") == "hello"
    assert adapted(kindly)(messages, mlflow_session_id="s", tone="kind") == "kind hello ['mlflow_session_id']"
